#include "proxy/http/variant.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "proxy/http/characters.hpp"

namespace ifmatch::http {

namespace {

guard::Digest digest_of(const Keyring::Secret& secret, std::string_view octets) {
  guard::Digest digest{};
  static_assert(sizeof digest == crypto_shorthash_siphashx24_BYTES);
  static_assert(sizeof secret == crypto_shorthash_siphashx24_KEYBYTES);
  crypto_shorthash_siphashx24(digest.data(), reinterpret_cast<const unsigned char*>(octets.data()),
                              octets.size(), secret.data());
  return digest;
}

void append_number(std::string& out, std::uint64_t number) {
  // In this machine's order of octets: no digest leaves the process.
  std::array<char, sizeof number> octets;
  std::memcpy(octets.data(), &number, sizeof number);
  out.append(octets.data(), octets.size());
}

// A length before every part: no two lists of parts have the same octets.
void append_part(std::string& out, std::string_view part) {
  append_number(out, part.size());
  out += part;
}

template <std::size_t size>
void append_octets(std::string& out, const std::array<std::uint8_t, size>& octets) {
  out.append(reinterpret_cast<const char*>(octets.data()), octets.size());
}

// Begins an input in a buffer that keeps its memory.
std::string& begin_input(char domain) {
  thread_local std::string buffer;
  buffer.clear();
  buffer += domain;
  return buffer;
}

// The number of lines and each of them: an absent field differs from an empty one.
template <typename Name>
void append_field(std::string& out, const Fields& fields, const Name& name) {
  append_number(out, fields.count(name));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Fields::Line line = fields.line(i);
    bool same = false;
    if constexpr (std::is_same_v<Name, FieldId>) {
      same = fields.id(i) == name;
    } else {
      same = equals_ignoring_case(line.name, name);
    }
    if (same) append_part(out, trimmed(line.value));
  }
}

// Fields that every variant digest covers anyway, or that guarded reads overwrite.
bool is_covered(FieldId id) noexcept {
  switch (id) {
    case FieldId::accept:
    case FieldId::accept_charset:
    case FieldId::accept_encoding:
    case FieldId::accept_language:
    case FieldId::authorization:
    case FieldId::cookie:
    case FieldId::host:
      return true;
    default:
      return false;
  }
}

// The further names of Vary in lower case, sorted, each once: their order means nothing.
std::vector<std::string> further_vary_names(const Fields& response) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < response.size(); ++i) {
    if (response.id(i) != FieldId::vary) continue;
    for_each_element(response.line(i).value, [&names](std::string_view name) {
      if (is_covered(identify(name))) return;
      std::ranges::transform(name, std::back_inserter(names.emplace_back()), lowered);
    });
  }
  std::ranges::sort(names);
  // Not std::ranges::unique: clang 14, which fuzzes this, cannot compile what that returns.
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void append_selection(std::string& out, const guard::Digest& target, const guard::Digest& viewer,
                      const Fields& request) {
  append_octets(out, target);
  append_octets(out, viewer);
  for (const FieldId id : {FieldId::accept, FieldId::accept_charset, FieldId::accept_language}) {
    append_field(out, request, id);
  }
}

}  // namespace

Keyring::Keyring() : secret_{} {
  if (sodium_init() < 0) throw std::runtime_error("libsodium has no randomness");
  randombytes_buf(secret_.data(), secret_.size());
  nobody_ = viewer_of(Fields(), {});
}

Keyring::Keyring(const Secret& secret) : secret_(secret), nobody_(viewer_of(Fields(), {})) {}

guard::Digest Keyring::target_digest(std::string_view host, std::string_view target) const {
  std::string& input = begin_input('t');
  append_part(input, host);
  append_part(input, target);
  return digest_of(secret_, input);
}

guard::Digest Keyring::viewer_digest(const Fields& request,
                                     std::span<const std::string> vary) const {
  return vary.empty() && is_anonymous(request) ? nobody_ : viewer_of(request, vary);
}

guard::Digest Keyring::viewer_of(const Fields& request, std::span<const std::string> vary) const {
  std::string& input = begin_input('w');
  append_field(input, request, FieldId::authorization);
  append_field(input, request, FieldId::cookie);
  for (const std::string& name : vary) {
    append_part(input, name);
    append_field(input, request, std::string_view(name));
  }
  return digest_of(secret_, input);
}

guard::Digest Keyring::variant_digest(const guard::Digest& target, const guard::Digest& viewer,
                                      const Fields& request, const Fields& response) const {
  const std::vector<std::string> names = further_vary_names(response);
  std::string& input = begin_input('v');
  append_selection(input, target, viewer, request);
  for (const std::string& name : names) {
    append_part(input, name);
    append_field(input, request, std::string_view(name));
  }
  return digest_of(secret_, input);
}

guard::Digest Keyring::variant_digest(const guard::Digest& target, const guard::Digest& viewer,
                                      const Fields& request) const {
  std::string& input = begin_input('v');
  append_selection(input, target, viewer, request);
  return digest_of(secret_, input);
}

guard::Digest Keyring::coded_digest(const guard::Digest& variant,
                                    std::string_view content_coding) const {
  std::string& input = begin_input('c');
  append_octets(input, variant);
  append_part(input, content_coding);
  return digest_of(secret_, input);
}

guard::Digest Keyring::client_digest(std::string_view address, std::string_view name,
                                     const Fields& request) const {
  const guard::Digest viewer = viewer_digest(request, {});
  std::string& input = begin_input('i');
  append_octets(input, viewer);
  append_part(input, address);
  append_part(input, name);
  append_field(input, request, std::string_view("User-Agent"));
  return digest_of(secret_, input);
}

bool is_anonymous(const Fields& request) noexcept {
  return !request.has(FieldId::authorization) && !request.has(FieldId::cookie);
}

bool varies_on_everything(const Fields& response) noexcept {
  return lists(response, FieldId::vary, "*");
}

namespace {

// Longer values are not remembered: they are rare, and the table must stay small.
constexpr std::size_t selection_octets_max = 512;

struct PairView {
  std::string_view accept;
  std::string_view accept_language;
  bool operator==(const PairView&) const = default;
};
struct PairHash {
  std::size_t operator()(const PairView& pair) const noexcept {
    const std::hash<std::string_view> hash;
    return hash(pair.accept) * 31 + hash(pair.accept_language);
  }
};

}  // namespace

struct SelectionTable::Body {
  std::size_t pairs_max;
  mutable std::shared_mutex mutex;
  std::deque<Pair> pairs;  // never moves its elements; selection n is pairs[n - 1]
  std::unordered_map<PairView, guard::Selection, PairHash> numbers;  // keys are views of `pairs`
};

SelectionTable::SelectionTable(std::size_t pairs_max) : body_(std::make_unique<Body>()) {
  body_->pairs_max = pairs_max;
}

SelectionTable::~SelectionTable() = default;

guard::Selection SelectionTable::intern(const Fields& request) {
  // Nearly always one line each, which needs no copy.
  if (request.count(FieldId::accept) <= 1 && request.count(FieldId::accept_language) <= 1) {
    return intern(request.first(FieldId::accept), request.first(FieldId::accept_language));
  }
  return intern(request.joined(FieldId::accept), request.joined(FieldId::accept_language));
}

guard::Selection SelectionTable::intern(std::string_view accept,
                                        std::string_view accept_language) {
  if (accept.size() + accept_language.size() > selection_octets_max) {
    return guard::selection_unknown;
  }
  {
    const std::shared_lock lock(body_->mutex);
    const auto found = body_->numbers.find(PairView{accept, accept_language});
    if (found != body_->numbers.end()) return found->second;
    if (body_->pairs.size() >= body_->pairs_max) return guard::selection_unknown;
  }
  const std::unique_lock lock(body_->mutex);
  const auto found = body_->numbers.find(PairView{accept, accept_language});
  if (found != body_->numbers.end()) return found->second;
  if (body_->pairs.size() >= body_->pairs_max) return guard::selection_unknown;
  const Pair& pair = body_->pairs.emplace_back(Pair{std::string(accept),
                                                    std::string(accept_language)});
  const auto number = static_cast<guard::Selection>(body_->pairs.size());
  body_->numbers.emplace(PairView{pair.accept, pair.accept_language}, number);
  return number;
}

const SelectionTable::Pair* SelectionTable::find(guard::Selection selection) const {
  const std::shared_lock lock(body_->mutex);
  if (selection == guard::selection_unknown || selection > body_->pairs.size()) return nullptr;
  return &body_->pairs[selection - 1];
}

}  // namespace ifmatch::http
