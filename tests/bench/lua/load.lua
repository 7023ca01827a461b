-- COOKIES: a file with one Cookie header a line, or another HEADER, taken in turn. BODY: sent by POST as JSON.
local requests, turn = {}, 0

function init()
  local body = os.getenv("BODY")
  if body then
    wrk.method, wrk.body = "POST", body
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Origin"] = os.getenv("ORIGIN")
  end
  for line in io.lines(os.getenv("COOKIES")) do
    if line ~= "" then wrk.headers[os.getenv("HEADER") or "Cookie"] = line end
    requests[#requests + 1] = wrk.format()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%.0f,"p95":%.0f,"p99":%.0f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
