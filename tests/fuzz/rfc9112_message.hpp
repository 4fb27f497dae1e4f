// One HTTP/1.1 message once more, slowly and strictly by RFC 9112: lines end in CR LF and nothing
// else, sections 3 to 7 decide where the message ends. Where the project is stricter than the
// standard it may refuse more; it must never accept what is refused here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ifmatch::fuzz::rfc9112 {

enum class Verdict { refused, incomplete, whole };
enum class Ending { none, length, chunked, until_close };

struct Message {
  Verdict verdict = Verdict::refused;
  std::string why;  // where refused
  std::string method;
  std::string target;
  int status = 0;
  int minor_version = 1;
  std::vector<std::pair<std::string, std::string>> fields;  // values without white space around
  Ending ending = Ending::none;
  std::string content;
  std::size_t head_begin = 0;  // behind empty lines
  std::size_t head_end = 0;
  std::size_t end = 0;  // of the message, where it is whole

  [[nodiscard]] std::vector<std::string> values(std::string_view lower_name) const {
    std::vector<std::string> found;
    for (const auto& [name, value] : fields) {
      std::string lower = name;
      for (char& octet : lower) {
        if (octet >= 'A' && octet <= 'Z') octet = static_cast<char>(octet + 32);
      }
      if (lower == lower_name) found.push_back(value);
    }
    return found;
  }
};

inline bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char octet) {
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
           (octet >= '0' && octet <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(octet) != std::string_view::npos;
  });
}

class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}

  Message request() {
    // Section 2.2: empty lines before a request are skipped. The project skips either octet.
    while (at_ < octets_.size() && (octets_[at_] == '\r' || octets_[at_] == '\n')) ++at_;
    message_.head_begin = at_;
    std::string line;
    if (!take_line(line)) return message_;
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first == std::string::npos ? first : first + 1);
    if (first == std::string::npos || second == std::string::npos) return refuse("request line");
    message_.method = line.substr(0, first);
    message_.target = line.substr(first + 1, second - first - 1);
    if (!is_token(message_.method)) return refuse("method");
    if (message_.target.empty() || !is_visible(message_.target)) return refuse("target");
    if (!version(line.substr(second + 1))) return refuse("version");
    if (!section(message_.fields, Octets::visible)) return message_;
    message_.head_end = at_;
    if (!ending()) return message_;
    if (message_.ending == Ending::until_close) message_.ending = Ending::none;
    return content();
  }

  // The answer to a request with that method, the last one of its connection.
  Message response(std::string_view method) {
    std::string line;
    if (!take_line(line)) return message_;
    if (line.size() < 12 || line[8] != ' ' || !version(line.substr(0, 8))) {
      return refuse("status line");
    }
    for (std::size_t i = 9; i < 12; ++i) {
      if (line[i] < '0' || line[i] > '9') return refuse("status");
      message_.status = message_.status * 10 + (line[i] - '0');
    }
    if (line.size() > 12 && line[12] != ' ') return refuse("status line");
    if (message_.status < 100) return refuse("status");
    if (!section(message_.fields, Octets::any)) return message_;
    message_.head_end = at_;
    if (!ending()) return message_;
    // Section 6.3, items 1 and 2.
    if (method == "HEAD" || message_.status < 200 || message_.status == 204 ||
        message_.status == 304) {
      message_.ending = Ending::none;
    }
    return content();
  }

 private:
  enum class Octets { visible, any };

  Message refuse(std::string why) {
    message_.verdict = Verdict::refused;
    message_.why = std::move(why);
    return message_;
  }

  static bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char octet) {
      return static_cast<unsigned char>(octet) > 0x20 && octet != 0x7F;
    });
  }

  // False with the verdict set when there is no further whole line, or when one of its octets ends
  // a line for somebody else.
  bool take_line(std::string& line) {
    const std::size_t end = octets_.find("\r\n", at_);
    const std::string_view text = octets_.substr(at_, end - at_);
    message_.verdict = Verdict::incomplete;
    if (end == std::string_view::npos) return false;
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      refuse("a line end within a line");
      return false;
    }
    line = text;
    at_ = end + 2;
    return true;
  }

  bool version(const std::string& text) {
    if (text.size() != 8 || !text.starts_with("HTTP/1.") || text[7] < '0' || text[7] > '9') {
      return false;
    }
    // RFC 9110 section 2.5: a higher minor version is read as the highest that is known.
    message_.minor_version = text[7] == '0' ? 0 : 1;
    return true;
  }

  bool section(std::vector<std::pair<std::string, std::string>>& fields, Octets octets) {
    for (;;) {
      std::string line;
      if (!take_line(line)) return false;
      if (line.empty()) return true;
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos || !is_token(line.substr(0, colon))) {
        refuse("field name");  // also a folded line, and a blank before the colon
        return false;
      }
      std::string value = line.substr(colon + 1);
      const std::size_t first = value.find_first_not_of(" \t");
      value = first == std::string::npos
                  ? ""
                  : value.substr(first, value.find_last_not_of(" \t") - first + 1);
      for (const char octet : value) {
        const auto code = static_cast<unsigned char>(octet);
        if (octets == Octets::visible && (code < 0x20 || code == 0x7F) && octet != '\t') {
          refuse("field value");
          return false;
        }
      }
      fields.emplace_back(line.substr(0, colon), value);
    }
  }

  // Sections 6.1 to 6.3. What the standard lets a recipient repair is refused, as the project says.
  bool ending() {
    const auto lengths = message_.values("content-length");
    auto codings = message_.values("transfer-encoding");
    message_.ending = Ending::until_close;
    if (!codings.empty()) {
      for (char& octet : codings[0]) {
        if (octet >= 'A' && octet <= 'Z') octet = static_cast<char>(octet + 32);
      }
      if (codings.size() > 1 || codings[0] != "chunked" || !lengths.empty() ||
          message_.minor_version == 0) {
        refuse("transfer coding");
        return false;
      }
      message_.ending = Ending::chunked;
      return true;
    }
    if (lengths.empty()) return true;
    const std::string& digits = lengths[0];
    const bool decimal = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
      return c >= '0' && c <= '9';
    });
    if (lengths.size() > 1 || !decimal || digits.size() > 18) {
      refuse("length");
      return false;
    }
    length_ = std::stoull(digits);
    message_.ending = Ending::length;
    return true;
  }

  Message content() {
    message_.verdict = Verdict::whole;
    message_.end = at_;
    switch (message_.ending) {
      case Ending::none: return message_;
      case Ending::chunked: return chunks();
      case Ending::until_close:
        message_.content = octets_.substr(at_);
        message_.end = octets_.size();
        return message_;
      case Ending::length: break;
    }
    message_.content = octets_.substr(at_, length_);
    if (message_.content.size() < length_) message_.verdict = Verdict::incomplete;
    message_.end = at_ + message_.content.size();
    return message_;
  }

  // Section 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). White space at
  // the end of the line ends nothing, so it passes.
  static bool are_extensions(std::string_view text) {
    const auto skip_white_space = [&text] {
      text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    };
    const auto take_token = [&text] {
      std::size_t size = 0;
      while (size < text.size() && is_token(text.substr(size, 1))) ++size;
      text.remove_prefix(size);
      return size > 0;
    };
    const auto take_quoted = [&text] {
      for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
          ++i;
        } else if (text[i] == '"') {
          text.remove_prefix(i + 1);
          return true;
        }
      }
      return false;
    };
    for (skip_white_space(); !text.empty(); skip_white_space()) {
      if (text.front() != ';') return false;
      text.remove_prefix(1);
      skip_white_space();
      if (!take_token()) return false;
      skip_white_space();
      if (!text.starts_with('=')) continue;
      text.remove_prefix(1);
      skip_white_space();
      if (text.starts_with('"') ? !take_quoted() : !take_token()) return false;
    }
    return true;
  }

  // Section 7.1.
  Message chunks() {
    for (;;) {
      std::string line;
      if (!take_line(line)) return message_;
      const std::size_t size = line.find_first_not_of("0123456789abcdefABCDEF");
      const std::string digits = line.substr(0, size);
      if (digits.empty()) return refuse("chunk size");
      if (!are_extensions(std::string_view(line).substr(digits.size()))) {
        return refuse("chunk extension");
      }
      const std::string significant =
          digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
      if (significant.size() > 16) return refuse("chunk size");
      const std::uint64_t octets = significant.empty() ? 0 : std::stoull(significant, nullptr, 16);
      if (octets == 0) break;
      if (octets_.size() - at_ < octets) {
        message_.content += octets_.substr(at_);
        message_.verdict = Verdict::incomplete;
        return message_;
      }
      message_.content += octets_.substr(at_, octets);
      at_ += octets;
      const std::string_view behind = octets_.substr(at_, 2);
      if (std::string_view("\r\n").substr(0, behind.size()) != behind) return refuse("chunk end");
      if (behind.size() < 2) {
        message_.verdict = Verdict::incomplete;
        return message_;
      }
      at_ += 2;
    }
    std::vector<std::pair<std::string, std::string>> trailers;
    if (!section(trailers, Octets::any)) return message_;
    message_.verdict = Verdict::whole;
    message_.end = at_;
    return message_;
  }

  std::string_view octets_;
  std::size_t at_ = 0;
  std::uint64_t length_ = 0;
  Message message_;
};

}  // namespace ifmatch::fuzz::rfc9112
