// A head from its octets to fields. One parser per message, the head is used again, as it is when
// the proxy serves.
#include "proxy/net/message_reader.hpp"

#include <stdexcept>

#include "tests/bench/micro/allocations.hpp"
#include "tests/bench/micro/samples.hpp"

namespace ifmatch::bench {
namespace {

template <typename Head>
void parse(benchmark::State& state, std::string_view octets) {
  Head head;
  const auto once = [&head, octets] {
    head.clear();
    net::MessageParser<Head> parser(net::MessageLimits{});
    parser.head = &head;
    parser.input = octets;
    net::error_code failure;
    parser.put(net::asio::const_buffer(octets.data(), octets.size()), failure);
    benchmark::DoNotOptimize(head);
    return parser.is_header_done();
  };
  if (!once()) throw std::logic_error("the sample is no message");
  const AllocationCount count(state);
  for (auto _ : state) once();
}

void parse_request_head(benchmark::State& state) {
  parse<http::RequestHead>(state, get_octets);
}
BENCHMARK(parse_request_head);

void parse_response_head(benchmark::State& state) {
  parse<http::ResponseHead>(state, answer_octets);
}
BENCHMARK(parse_response_head);

}  // namespace
}  // namespace ifmatch::bench
