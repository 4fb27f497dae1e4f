-- The end of every script: one line that loads.py reads. Times are microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'bench {"requests":%d,"seconds":%.6f,"p50_us":%.0f,"p99_us":%.0f,"refused":%d,"failed":%d%s}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    more and more() or ""))
end
