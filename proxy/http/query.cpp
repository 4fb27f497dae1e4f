#include "proxy/http/query.hpp"

#include "proxy/http/characters.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::http {

std::string decoded_component(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
      continue;
    }
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

std::optional<Parameter> next_parameter(std::string_view query, std::size_t& position) noexcept {
  while (position < query.size()) {
    const std::size_t begin = position;
    std::size_t end = query.find_first_of("&;", begin);
    if (end == std::string_view::npos) end = query.size();
    position = end + 1;
    if (end == begin) continue;
    const std::string_view text = query.substr(begin, end - begin);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return Parameter{text, text, {}, begin};
    return Parameter{text, text.substr(0, equals), text.substr(equals + 1), begin};
  }
  return std::nullopt;
}

bool names_parameter(const Parameter& parameter, std::string_view name) {
  if (parameter.key.find_first_of("%+") == std::string_view::npos) {
    return equals_ignoring_case(parameter.key, name);
  }
  return equals_ignoring_case(decoded_component(parameter.key), name);
}

}  // namespace ifmatch::http
