// The field lines of one header section (RFC 9110 section 5), in order, as they were when the
// section ended. One buffer holds all of them, written as they are sent on, so that a message costs
// few allocations, none when the object is used again, and one copy when it is forwarded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::http {

// Compares field names, methods and codings as ASCII without case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

// The field names that this program treats specially.
enum class FieldId : std::uint8_t {
  other,
  accept,
  accept_charset,
  accept_encoding,
  accept_language,
  accept_ranges,
  access_control_allow_credentials,
  access_control_allow_origin,
  access_control_expose_headers,
  age,
  allow,
  authorization,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_location,
  content_range,
  content_type,
  cookie,
  date,
  etag,
  expect,
  expires,
  forwarded,
  host,
  http2_settings,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  keep_alive,
  last_modified,
  location,
  pragma,
  prefer,
  preference_applied,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  retry_after,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  vary,
  via,
  www_authenticate,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_http_method,
  x_http_method_override,
  x_method_override,
};
inline constexpr FieldId last_field_id = FieldId::x_method_override;
static_assert(static_cast<unsigned>(last_field_id) < 64, "Fields keeps a bit for each");

// FieldId::other for every name that is not in the list.
[[nodiscard]] FieldId identify(std::string_view name) noexcept;

class Fields {
 public:
  struct Line {
    std::string_view name;
    std::string_view value;
  };

  class Iterator {
   public:
    Iterator(const Fields& fields, std::size_t index) : fields_(&fields), index_(index) {}
    Line operator*() const { return fields_->line(index_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const Fields* fields_;
    std::size_t index_;
  };

  // Appends a line as it is. Views handed out before may dangle after it.
  void add(std::string_view name, std::string_view value);

  // The same of a line that is written as it goes out, its end included. REQUIRES: `name_size`
  // octets of it are the name, and `id` is what identify() says of them.
  void add_written(std::string_view line, std::size_t name_size, FieldId id);

  // Removes every line with the name. Its octets stay in the buffer until clear().
  void remove(std::string_view name);

  // Forgets all lines and keeps the memory.
  void clear() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }
  [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }
  [[nodiscard]] Line line(std::size_t index) const {
    const Span& span = lines_[index];
    const char* const name = text_.data() + span.begin;
    return {{name, span.name_size}, {name + span.name_size + colon.size(), span.value_size}};
  }
  // "name: value" and the end of the line, as it goes out.
  [[nodiscard]] std::string_view written(std::size_t index) const {
    const Span& span = lines_[index];
    return {text_.data() + span.begin,
            span.name_size + colon.size() + span.value_size + line_end.size()};
  }
  [[nodiscard]] FieldId id(std::size_t index) const { return lines_[index].id; }
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, lines_.size()}; }

  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return count(name) > 0; }

  // The value of the first line with the name; "" when there is none.
  [[nodiscard]] std::string_view first(std::string_view name) const;

  // All values of the name as one list, joined by ", " (RFC 9110 section 5.3); "" when none.
  [[nodiscard]] std::string joined(std::string_view name) const;

  // The same by identity, which compares one octet per line. REQUIRES: not FieldId::other.
  [[nodiscard]] std::size_t count(FieldId id) const;
  [[nodiscard]] bool has(FieldId id) const noexcept { return (present_ & bit(id)) != 0; }
  [[nodiscard]] std::string_view first(FieldId id) const;
  [[nodiscard]] std::string joined(FieldId id) const;

  // Octets of all lines as they are written.
  [[nodiscard]] std::size_t octets() const noexcept { return text_.size(); }

 private:
  static constexpr std::string_view colon = ": ";
  static constexpr std::string_view line_end = "\r\n";
  struct Span {
    std::uint32_t begin;
    std::uint32_t name_size;
    std::uint32_t value_size;
    FieldId id;
  };
  static constexpr std::uint64_t bit(FieldId id) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(id);
  }
  std::string text_;
  std::vector<Span> lines_;
  std::uint64_t present_ = 0;  // a bit for each identity that a line has
};

// Takes off spaces and horizontal tabs at both ends (OWS, RFC 9110 section 5.6.3).
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

// Whether it is a token (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text) noexcept;

// Whether any line of that name, read as one list, has the element (without case).
[[nodiscard]] bool lists(const Fields& fields, FieldId id, std::string_view element) noexcept;

// Calls `visit` with each element of a comma-separated list that holds no quoted strings
// (Connection, Transfer-Encoding): trimmed, empty elements left out.
template <typename Visit>
void for_each_element(std::string_view list, Visit&& visit) {
  std::size_t begin = 0;
  while (begin <= list.size()) {
    std::size_t end = list.find(',', begin);
    if (end == std::string_view::npos) end = list.size();
    std::string_view element = list.substr(begin, end - begin);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
      element.remove_prefix(1);
    }
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
      element.remove_suffix(1);
    }
    if (!element.empty()) visit(element);
    begin = end + 1;
  }
}

}  // namespace ifmatch::http
