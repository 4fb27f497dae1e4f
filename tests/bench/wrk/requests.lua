-- Requests of one kind. Arguments: METHOD PATH BODY_BYTES COUNT ORDER.
-- With COUNT 0 it is one and the same request, made once: wrk then asks no Lua. Else "{n}" in PATH
-- stands for a number below COUNT, in ORDER "each" (one after the other) or "any" (random, and not
-- the same ones in every run).
-- Header fields come from wrk's own -H.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local two_to_32 = 2 ^ 32

local function numbered(before, after, count, order)
  if order == "each" then
    local number = -1
    return function()
      number = number + 1
      if number >= count then number = 0 end
      return before .. number .. after
    end
  end
  local seed = os.time() * 7919 % two_to_32
  return function()
    seed = (seed * 69069 + 12345) % two_to_32
    return before .. math.floor(seed / two_to_32 * count) .. after
  end
end

function init(arguments)
  local method, path, body_bytes, count, order = unpack(arguments)
  body_bytes, count = tonumber(body_bytes), tonumber(count)
  wrk.method, wrk.path = method, path
  if body_bytes > 0 then
    local empty = '{"id":42,"note":""}'
    wrk.body = empty:sub(1, -3) .. ("x"):rep(body_bytes - #empty) .. empty:sub(-2)
    wrk.headers["Content-Type"] = "application/json"
  end
  if count == 0 then return end
  local before, after = wrk.format():match("^(.-){n}(.*)$")
  request = numbered(before, after, count, order)
end
