-- One client for each thread, and one connection for each thread: reads the number, adds one, and
-- writes it back if nobody else did meanwhile; on 412 it reads again. What it reads has a tag only
-- if there is a guard; straight at the API it writes without. Argument: PATH.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

-- Globals: setup's side reads them at the end, by name.
written, stale = 0, 0

local path, read
local number, tag  -- of what was read, while it is not yet written back

function init(arguments)
  path = arguments[1]
  read = wrk.format("GET", path)
end

function request()
  if not number then return read end
  return wrk.format("PUT", path, {
    ["Host"] = wrk.headers["Host"], ["Content-Type"] = "application/json", ["If-Match"] = tag,
  }, '{"count":' .. number + 1 .. "}")
end

function response(status, fields, body)
  if number then
    if status == 200 then written = written + 1 else stale = stale + 1 end
    number = nil
  elseif status == 200 then
    number, tag = tonumber(body:match('"count":(%d+)')), fields["ETag"]
  end
end

function more()
  local all_written, all_stale = 0, 0
  for _, thread in ipairs(threads) do
    all_written = all_written + thread:get("written")
    all_stale = all_stale + thread:get("stale")
  end
  return string.format(',"written":%d,"stale":%d', all_written, all_stale)
end
