-- What somebody would write in an afternoon: hash the answer, hand the hash out as an ETag,
-- remember it, and let a PUT through if its If-Match names what is remembered. It has no gate,
-- probes nothing and knows nothing of unknown outcomes, so updates are lost through it. It is here
-- for its price.
local sha256 = require "nginx.sha256"
local versions = ngx.shared.versions
local target = ngx.var.request_uri

local function relay(answer)
  ngx.status = answer.status
  for name, value in pairs(answer.header) do ngx.header[name] = value end
end

if ngx.req.get_method() == "GET" then
  local answer = ngx.location.capture("/api" .. target)
  relay(answer)
  if answer.status == 200 then
    local digest = sha256:new()
    digest:update(answer.header["Content-Type"] or "")
    digest:update(answer.body)
    local tag = '"' .. ngx.encode_base64(digest:final()) .. '"'
    versions:set(target, tag)
    ngx.header["ETag"] = tag
    if ngx.var.http_if_none_match == tag then
      ngx.header["Content-Length"] = nil
      return ngx.exit(304)
    end
  end
  ngx.print(answer.body)
elseif ngx.var.http_if_match ~= versions:get(target) or not ngx.var.http_if_match then
  local refusal = '{"title":"The resource changed since you read it","status":412}'
  ngx.status = 412
  ngx.header["Content-Length"] = #refusal
  ngx.header["Content-Type"] = "application/problem+json"
  ngx.print(refusal)
else
  -- Or nginx would evaluate it, too, and turn the answer to a write that was made into 412.
  ngx.req.clear_header("If-Match")
  ngx.req.read_body()
  local answer = ngx.location.capture(
    "/api" .. target, { method = ngx.HTTP_PUT, always_forward_body = true })
  versions:delete(target)
  relay(answer)
  ngx.print(answer.body)
end
