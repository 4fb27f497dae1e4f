// Heads once they are parsed: checked, their conditions read, written anew for the other side.
#include "proxy/http/conditions.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/framing.hpp"
#include "tests/bench/micro/allocations.hpp"
#include "tests/bench/micro/samples.hpp"

namespace ifmatch::bench {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

void check_request(benchmark::State& state) {
  const http::RequestHead head = get_head();
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(http::check_request(head).has_value());
}
BENCHMARK(check_request);

void check_response(benchmark::State& state) {
  const http::ResponseHead head = answer_head();
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(http::check_response(head, "GET").has_value());
}
BENCHMARK(check_response);

void parse_conditions(benchmark::State& state, const http::RequestHead& head) {
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(http::parse_conditions(head.fields, {}).has_value());
  }
}
BENCHMARK_CAPTURE(parse_conditions, none, get_head());
BENCHMARK_CAPTURE(parse_conditions, if_match, put_head());

void override_method(benchmark::State& state) {
  const http::RequestHead head = get_head();
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(http::override_method("GET", "expand=lines", head.fields).kind);
  }
}
BENCHMARK(override_method);

void write_request_head(benchmark::State& state) {
  const http::RequestHead head = get_head();
  std::string out(4096, ' ');
  const AllocationCount count(state);
  for (auto _ : state) {
    out.clear();
    http::write_request_head(out, {.head = head,
                                   .method = "GET",
                                   .base_path = "",
                                   .target = head.target,
                                   .host = "api.shop.example.org",
                                   .client_address = "192.0.2.7",
                                   .framing = {},
                                   .carry = http::Carry::guarded,
                                   .identity_coding = true});
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_request_head);

void write_response_head(benchmark::State& state) {
  const http::ResponseHead head = answer_head();
  std::string out(4096, ' ');
  const AllocationCount count(state);
  for (auto _ : state) {
    out.clear();
    http::write_response_head(
        out, {.head = head,
              .etag = own_tag,
              .framing = {.kind = http::Framing::length, .length = 900},
              .closing = {},
              .date = date});
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_response_head);

void write_not_modified(benchmark::State& state) {
  const http::ResponseHead head = answer_head();
  std::string out(4096, ' ');
  const AllocationCount count(state);
  for (auto _ : state) {
    out.clear();
    http::write_not_modified(
        out, {.head = head, .etag = own_tag, .framing = {}, .closing = {}, .date = date});
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_not_modified);

// What a lost race gets: 412 with the tag that was sent and the one that is current.
http::ProblemDetails stale() {
  const http::RequestHead head = put_head();
  const auto conditions = http::parse_conditions(head.fields, {});
  http::ProblemDetails details =
      http::stale_version(head.fields, *conditions, octets_of<guard::Version>(7));
  details.route = "orders";
  details.instance = "urn:uuid:a75d0834-c4eb-4094-835d-a284d25fd978";
  return details;
}

void render_problem(benchmark::State& state) {
  const http::ProblemDetails details = stale();
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(http::render(details).size());
}
BENCHMARK(render_problem);

void write_problem(benchmark::State& state) {
  const http::ProblemDetails details = stale();
  std::string out(4096, ' ');
  const AllocationCount count(state);
  for (auto _ : state) {
    out.clear();
    http::write_problem(out, details, {.method = "PUT", .date = date, .closing = {}});
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_problem);

}  // namespace
}  // namespace ifmatch::bench
