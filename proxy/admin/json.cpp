#include "proxy/admin/json.hpp"

#include <boost/json/src.hpp>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "proxy/http/problem.hpp"

namespace ifmatch::admin {
namespace {

// Boost's own serializer would hand on octets that are not UTF-8, which a client may have sent.
class Writer {
 public:
  explicit Writer(Layout layout) : layout_(layout) {}

  void write(const json::value& value) {
    if (const json::object* const object = value.if_object()) {
      write_items(*object, "{}", [this](const json::key_value_pair& member) {
        write_text(member.key());
        out += layout_ == Layout::indented ? ": " : ":";
        write(member.value());
      });
    } else if (const json::array* const array = value.if_array()) {
      write_items(*array, "[]", [this](const json::value& item) { write(item); });
    } else if (const json::string* const text = value.if_string()) {
      write_text(*text);
    } else {
      out += json::serialize(value);
    }
  }

  std::string out;

 private:
  void write_text(std::string_view text) { http::append_json_string(out, text); }

  void begin_line() {
    if (layout_ == Layout::compact) return;
    out += '\n';
    out.append(2 * depth_, ' ');
  }

  template <typename Items, typename WriteItem>
  void write_items(const Items& items, std::string_view brackets, WriteItem&& write_item) {
    out += brackets.front();
    ++depth_;
    const char* separator = "";
    for (const auto& item : items) {
      out += separator;
      separator = ",";
      begin_line();
      write_item(item);
    }
    --depth_;
    if (!items.empty()) begin_line();
    out += brackets.back();
  }

  Layout layout_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string to_text(const json::value& value, Layout layout) {
  Writer writer(layout);
  writer.write(value);
  return std::move(writer.out) + '\n';
}

std::string to_text(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count();
  const std::time_t whole = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  ::gmtime_r(&whole, &utc);
  char text[40];
  const int size = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                                 utc.tm_min, utc.tm_sec, static_cast<int>(milliseconds));
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace ifmatch::admin
