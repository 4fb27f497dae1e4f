#include "proxy/http/fields.hpp"

#include <algorithm>
#include <array>

#include "proxy/http/characters.hpp"

namespace ifmatch::http {

namespace {

struct KnownName {
  std::string_view name;  // in lower case
  FieldId id;
};

constexpr auto make_known_names() {
  std::array names = {
      KnownName{"accept", FieldId::accept},
      KnownName{"accept-charset", FieldId::accept_charset},
      KnownName{"accept-encoding", FieldId::accept_encoding},
      KnownName{"accept-language", FieldId::accept_language},
      KnownName{"accept-ranges", FieldId::accept_ranges},
      KnownName{"access-control-allow-credentials", FieldId::access_control_allow_credentials},
      KnownName{"access-control-allow-origin", FieldId::access_control_allow_origin},
      KnownName{"access-control-expose-headers", FieldId::access_control_expose_headers},
      KnownName{"age", FieldId::age},
      KnownName{"allow", FieldId::allow},
      KnownName{"authorization", FieldId::authorization},
      KnownName{"cache-control", FieldId::cache_control},
      KnownName{"connection", FieldId::connection},
      KnownName{"content-encoding", FieldId::content_encoding},
      KnownName{"content-length", FieldId::content_length},
      KnownName{"content-location", FieldId::content_location},
      KnownName{"content-range", FieldId::content_range},
      KnownName{"content-type", FieldId::content_type},
      KnownName{"cookie", FieldId::cookie},
      KnownName{"date", FieldId::date},
      KnownName{"etag", FieldId::etag},
      KnownName{"expect", FieldId::expect},
      KnownName{"expires", FieldId::expires},
      KnownName{"forwarded", FieldId::forwarded},
      KnownName{"host", FieldId::host},
      KnownName{"http2-settings", FieldId::http2_settings},
      KnownName{"if-match", FieldId::if_match},
      KnownName{"if-modified-since", FieldId::if_modified_since},
      KnownName{"if-none-match", FieldId::if_none_match},
      KnownName{"if-range", FieldId::if_range},
      KnownName{"if-unmodified-since", FieldId::if_unmodified_since},
      KnownName{"keep-alive", FieldId::keep_alive},
      KnownName{"last-modified", FieldId::last_modified},
      KnownName{"location", FieldId::location},
      KnownName{"pragma", FieldId::pragma},
      KnownName{"prefer", FieldId::prefer},
      KnownName{"preference-applied", FieldId::preference_applied},
      KnownName{"proxy-authenticate", FieldId::proxy_authenticate},
      KnownName{"proxy-authorization", FieldId::proxy_authorization},
      KnownName{"proxy-connection", FieldId::proxy_connection},
      KnownName{"range", FieldId::range},
      KnownName{"retry-after", FieldId::retry_after},
      KnownName{"set-cookie", FieldId::set_cookie},
      KnownName{"te", FieldId::te},
      KnownName{"traceparent", FieldId::traceparent},
      KnownName{"tracestate", FieldId::tracestate},
      KnownName{"trailer", FieldId::trailer},
      KnownName{"transfer-encoding", FieldId::transfer_encoding},
      KnownName{"upgrade", FieldId::upgrade},
      KnownName{"vary", FieldId::vary},
      KnownName{"via", FieldId::via},
      KnownName{"www-authenticate", FieldId::www_authenticate},
      KnownName{"x-forwarded-for", FieldId::x_forwarded_for},
      KnownName{"x-forwarded-host", FieldId::x_forwarded_host},
      KnownName{"x-forwarded-proto", FieldId::x_forwarded_proto},
      KnownName{"x-http-method", FieldId::x_http_method},
      KnownName{"x-http-method-override", FieldId::x_http_method_override},
      KnownName{"x-method-override", FieldId::x_method_override},
  };
  std::ranges::sort(names, {}, [](const KnownName& known) { return known.name.size(); });
  return names;
}

constexpr auto known_names = make_known_names();
constexpr std::size_t known_size_max = known_names.back().name.size();

// Where the names of each size begin in known_names.
constexpr auto make_size_index() {
  std::array<std::uint8_t, known_size_max + 2> index{};
  for (std::size_t size = 0; size < index.size(); ++size) {
    std::size_t begin = 0;
    while (begin < known_names.size() && known_names[begin].name.size() < size) ++begin;
    index[size] = static_cast<std::uint8_t>(begin);
  }
  return index;
}
constexpr auto size_index = make_size_index();

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lowered(a[i]) != lowered(b[i])) return false;
  }
  return true;
}

FieldId identify(std::string_view name) noexcept {
  if (name.size() > known_size_max) return FieldId::other;
  const std::size_t end = size_index[name.size() + 1];
  std::size_t i = size_index[name.size()];
  if (i == end || name.empty()) return FieldId::other;
  const char first = lowered(name.front());
  const char last = lowered(name.back());
  for (; i < end; ++i) {
    const std::string_view known = known_names[i].name;
    if (known.front() == first && known.back() == last && equals_ignoring_case(name, known)) {
      return known_names[i].id;
    }
  }
  return FieldId::other;
}

void Fields::add(std::string_view name, std::string_view value) {
  const std::size_t begin = text_.size();
  const FieldId id = identify(name);
  lines_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size()), id});
  present_ |= bit(id);
  text_.append(name).append(colon).append(value).append(line_end);
}

void Fields::add_written(std::string_view line, std::size_t name_size, FieldId id) {
  const std::size_t value_size = line.size() - name_size - colon.size() - line_end.size();
  lines_.push_back({static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(name_size), static_cast<std::uint32_t>(value_size),
                    id});
  present_ |= bit(id);
  text_ += line;
}

void Fields::remove(std::string_view name) {
  std::erase_if(lines_, [&](const Span& span) {
    return equals_ignoring_case({text_.data() + span.begin, span.name_size}, name);
  });
  if (const FieldId id = identify(name); id != FieldId::other) present_ &= ~bit(id);
}

void Fields::clear() noexcept {
  text_.clear();
  lines_.clear();
  present_ = 0;
}

std::size_t Fields::count(std::string_view name) const {
  std::size_t found = 0;
  for (const Line line : *this) found += equals_ignoring_case(line.name, name) ? 1 : 0;
  return found;
}

std::string_view Fields::first(std::string_view name) const {
  for (const Line line : *this) {
    if (equals_ignoring_case(line.name, name)) return line.value;
  }
  return {};
}

std::string Fields::joined(std::string_view name) const {
  std::string list;
  bool begun = false;
  for (const Line line : *this) {
    if (!equals_ignoring_case(line.name, name)) continue;
    if (begun) list += ", ";
    begun = true;
    list += line.value;
  }
  return list;
}

std::size_t Fields::count(FieldId id) const {
  if (!has(id)) return 0;
  std::size_t found = 0;
  for (const Span& span : lines_) found += span.id == id ? 1 : 0;
  return found;
}

std::string_view Fields::first(FieldId id) const {
  if (!has(id)) return {};
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].id == id) return line(i).value;
  }
  return {};
}

std::string Fields::joined(FieldId id) const {
  std::string list;
  if (!has(id)) return list;
  bool begun = false;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].id != id) continue;
    if (begun) list += ", ";
    begun = true;
    list += line(i).value;
  }
  return list;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char octet) {
    return is(octet, octet_class::token);
  });
}

bool lists(const Fields& fields, FieldId id, std::string_view element) noexcept {
  if (!fields.has(id)) return false;
  bool found = false;
  for (std::size_t i = 0; i < fields.size() && !found; ++i) {
    if (fields.id(i) != id) continue;
    for_each_element(fields.line(i).value, [&](std::string_view listed) {
      found = found || equals_ignoring_case(listed, element);
    });
  }
  return found;
}

}  // namespace ifmatch::http
