#include "tests/simulation/addresses.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/guard/assert.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::simulation {

namespace {

struct Spelled {
  std::string raw;  // without the trailing slash, with which nothing could be a key
  std::string folded;
  std::uint64_t exact = 0;
};

std::vector<Spelled> read_all() {
  std::vector<Spelled> all;
  for (const Address& address : addresses) {
    for (const char* spelled : address.spelled) {
      const auto canonical = http::canonical_path(spelled);
      IFMATCH_ASSERT(canonical.has_value());
      const auto folded = http::folded_path("", *canonical);
      IFMATCH_ASSERT(folded.has_value());
      std::string raw = spelled;
      if (raw.back() == '/') raw.pop_back();
      // A hash of our own: the histories of a seed must not depend on the standard library.
      std::uint64_t exact = 0;
      for (const char octet : *canonical) {
        exact = Random::mix(exact * 256 + static_cast<unsigned char>(octet));
      }
      all.push_back({std::move(raw), *folded, exact});
    }
  }
  return all;
}

const Spelled& spelled_as(Target target, Spelling spelling) {
  static const std::vector<Spelled> all = read_all();
  return all[target * addresses.front().spelled.size() + spelling];
}

}  // namespace

Cell cell_of(Target target) {
  static const std::vector<Cell> behind = [] {
    std::vector<Cell> found;
    for (const Address& address : addresses) {
      const std::string_view path = address.cell;
      found.push_back(static_cast<Cell>(std::ranges::find(cells, path) - cells.begin()));
    }
    return found;
  }();
  return behind[target];
}

guard::Resource resource_of(Target target, Spelling spelling, Keys keys, unsigned naming) {
  const Spelled& spelled = spelled_as(target, spelling);
  guard::Resource resource;
  resource.paths.push_back(keys == Keys::folded ? spelled.folded : spelled.raw);
  if (const char* names = addresses[target].names) {
    if (*names == '/') {
      resource.paths.emplace_back(names);
    } else {
      resource.names.push_back(names + (':' + std::to_string(naming)));
    }
  }
  return resource;
}

std::uint64_t exact_target(Target target, Spelling spelling) {
  return spelled_as(target, spelling).exact;
}

}  // namespace ifmatch::simulation
