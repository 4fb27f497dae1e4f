// The field lines of one header section (RFC 9110 section 5), in order, as they were when the
// section ended. One buffer holds all names and values, so that a message costs few allocations and
// none when the object is used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::http {

// Compares field names, methods and codings as ASCII without case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

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

  // Appends a line. Views handed out before may dangle after it.
  void add(std::string_view name, std::string_view value);

  // Removes every line with the name. Its octets stay in the buffer until clear().
  void remove(std::string_view name);

  // Forgets all lines and keeps the memory.
  void clear() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }
  [[nodiscard]] Line line(std::size_t index) const;
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, lines_.size()}; }

  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return count(name) > 0; }

  // The value of the first line with the name; "" when there is none.
  [[nodiscard]] std::string_view first(std::string_view name) const;

  // All values of the name as one list, joined by ", " (RFC 9110 section 5.3); "" when none.
  [[nodiscard]] std::string joined(std::string_view name) const;

 private:
  struct Span {
    std::uint32_t name_begin;
    std::uint32_t name_size;
    std::uint32_t value_size;  // the value follows the name
  };
  std::string text_;
  std::vector<Span> lines_;
};

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
