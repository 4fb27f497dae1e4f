// What names a resource, who looks at it, and its version.
#include "plugins/version/body.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/variant.hpp"
#include "tests/bench/micro/allocations.hpp"
#include "tests/bench/micro/samples.hpp"

namespace ifmatch::bench {
namespace {

void canonical_path(benchmark::State& state) {
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(http::canonical_path("/v1/orders/8412735").has_value());
  }
}
BENCHMARK(canonical_path);

void folded_path(benchmark::State& state, std::string_view path) {
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(http::folded_path("/api", path).has_value());
}
BENCHMARK_CAPTURE(folded_path, plain, "/v1/orders/8412735");
BENCHMARK_CAPTURE(folded_path, escaped, "/v1/orders/M%C3%BCller%2B1/");

const http::Keyring& keyring() {
  static const http::Keyring keyring(octets_of<http::Keyring::Secret>(1));
  return keyring;
}

void target_digest(benchmark::State& state) {
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        keyring().target_digest("api.shop.example.org", "/v1/orders/8412735?expand=lines"));
  }
}
BENCHMARK(target_digest);

void viewer_digest(benchmark::State& state) {
  const http::RequestHead head = get_head();
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(keyring().viewer_digest(head.fields, {}));
}
BENCHMARK(viewer_digest);

void variant_digest(benchmark::State& state) {
  const http::RequestHead head = get_head();
  const http::ResponseHead answer = answer_head();
  const auto target = octets_of<guard::Digest>(1);
  const auto viewer = octets_of<guard::Digest>(2);
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        keyring().variant_digest(target, viewer, head.fields, answer.fields));
  }
}
BENCHMARK(variant_digest);

void intern_selection(benchmark::State& state) {
  const http::RequestHead head = get_head();
  http::SelectionTable selections;
  benchmark::DoNotOptimize(selections.intern(head.fields));
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(selections.intern(head.fields));
}
BENCHMARK(intern_selection);

void version_digest(benchmark::State& state, const std::optional<std::string>& secret) {
  const std::string content(static_cast<std::size_t>(state.range(0)), 'x');
  const auto hasher = plugins::make_body_source(secret)->make_hasher();
  const auto once = [&hasher, &content] {
    hasher->begin("application/json; charset=utf-8", "");
    hasher->update(std::as_bytes(std::span(content)));
    benchmark::DoNotOptimize(hasher->finish());
  };
  once();
  const AllocationCount count(state);
  for (auto _ : state) once();
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(version_digest, sha256, std::nullopt)->Arg(900)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(version_digest, hmac, "a secret of some thirty-two octets")->Arg(900);

void format_tag(benchmark::State& state) {
  const auto version = octets_of<guard::Version>(1);
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(http::format_tag(version).size());
}
BENCHMARK(format_tag);

void parse_entity_tags(benchmark::State& state) {
  http::Fields fields;
  fields.add("If-None-Match", own_tag);
  const AllocationCount count(state);
  for (auto _ : state) {
    const auto list = http::parse_entity_tags(fields, http::FieldId::if_none_match);
    benchmark::DoNotOptimize(http::parse_own(list->tags.front()));
  }
}
BENCHMARK(parse_entity_tags);

}  // namespace
}  // namespace ifmatch::bench
