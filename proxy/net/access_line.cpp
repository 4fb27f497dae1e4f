#include "proxy/net/access_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "proxy/http/characters.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::net {
namespace {

using std::chrono::microseconds;

constexpr std::array<std::string_view, 3> ending_names{"whole", "client_left", "cut_short"};

std::uint64_t in_microseconds(Clock::duration duration) {
  const auto count = std::chrono::duration_cast<microseconds>(duration).count();
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

struct Bounded {
  std::string_view text;
  bool cut;
};

Bounded bounded(std::string_view text, std::size_t octets_max) {
  return {text.substr(0, octets_max), text.size() > octets_max};
}

// A char is signed here: octets beyond ASCII are not plain, since they may be no UTF-8.
bool is_plain(char octet) {
  return octet >= 0x20 && octet != 0x7F && octet != '"' && octet != '\\';
}

// Where the next octet of a line goes. Appending to a string would look after its capacity sixty
// times a line; here there is room for the longest one.
class Cursor {
 public:
  explicit Cursor(std::span<char> room) : begin_(room.data()), at_(begin_), left_(room.size()) {}

  [[nodiscard]] std::string_view written() const {
    return {begin_, static_cast<std::size_t>(at_ - begin_)};
  }

  void put(std::string_view text) {
    // Of a field that is not there not even the address may be handed on.
    if (text.empty() || text.size() > left_) return;
    std::memcpy(at_, text.data(), text.size());
    advance(text.size());
  }

  void put_number(std::uint64_t number) {
    const auto [end, error] = std::to_chars(at_, at_ + left_, number);
    if (error == std::errc()) advance(static_cast<std::size_t>(end - at_));
  }

  // With leading zeros.
  void put_digits(unsigned number, std::size_t digits) {
    if (digits > left_) return;
    for (std::size_t i = digits; i-- > 0; number /= 10) {
      at_[i] = static_cast<char>('0' + number % 10);
    }
    advance(digits);
  }

  // "12.345": milliseconds.
  void put_milliseconds(Clock::duration duration) {
    const std::uint64_t count = in_microseconds(duration);
    put_number(count / 1000);
    put(".");
    put_digits(static_cast<unsigned>(count % 1000), 3);
  }

  // "0.012345": seconds.
  void put_seconds(Clock::duration duration) {
    const std::uint64_t count = in_microseconds(duration);
    put_number(count / 1'000'000);
    put(".");
    put_digits(static_cast<unsigned>(count % 1'000'000), 6);
  }

  // What came from outside, within double quotes of JSON.
  void put_json(std::string_view value, std::size_t octets_max = logged_value_octets_max) {
    const Bounded part = bounded(value, octets_max);
    if (std::ranges::all_of(part.text, [](char octet) { return is_plain(octet); })) {
      put(part.text);
    } else {
      std::string escaped;
      http::append_json_string(escaped, part.text);
      put(std::string_view(escaped).substr(1, escaped.size() - 2));
    }
    if (part.cut) put("...");
  }

  // The same as nginx and Apache write it: what could end the quotes or the line is "\x0A".
  void put_quoted(std::string_view value, std::size_t octets_max = logged_value_octets_max) {
    const Bounded part = bounded(value, octets_max);
    if (part.text.empty()) put("-");
    for (const char octet : part.text) {
      if (is_plain(octet)) {
        put({&octet, 1});
        continue;
      }
      const auto code = static_cast<unsigned char>(octet);
      const std::array<char, 4> escaped{'\\', 'x', http::upper_hex_digits[code >> 4U],
                                        http::upper_hex_digits[code & 0xFU]};
      put({escaped.data(), escaped.size()});
    }
    if (part.cut) put("...");
  }

 private:
  void advance(std::size_t count) {
    at_ += count;
    left_ -= count;
  }

  char* begin_;
  char* at_;
  std::size_t left_;
};

void put_pair(Cursor& line, std::string_view name, std::string_view value) {
  line.put(name);
  line.put(value.empty() ? "-" : value);
}

// What nginx knows as ssl_protocol, ssl_cipher, ssl_server_name and ssl_client_s_dn.
void put_tls(Cursor& line, const TlsStream& tls) {
  line.put(",\"tls_version\":\"");
  line.put(tls.version());
  line.put("\",\"tls_cipher\":\"");
  line.put(tls.cipher());
  if (const std::string name = tls.server_name(); !name.empty()) {
    line.put("\",\"tls_server_name\":\"");
    line.put_json(name);
  }
  if (const std::string subject = tls.peer_subject(); !subject.empty()) {
    line.put("\",\"tls_client_subject\":\"");
    line.put_json(subject);
  }
  line.put("\"");
}

std::string_view protocol_of(const Account& account) {
  if (account.head->method.empty()) return "";
  return account.head->minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

std::string_view route_of(const Account& account) {
  return account.route != nullptr ? std::string_view(account.route->config->name) : "";
}

// The address that was spoken to; where an upstream has but one, its route knows it.
std::string_view upstream_of(const Account& account) {
  if (!account.upstream_address.empty() || account.route == nullptr) {
    return account.upstream_address;
  }
  return account.route->authority;
}

constexpr std::string_view problem_prefix = "urn:ifmatch:problem:";

// "stale-version": the part of the problem's type that differs.
std::string_view problem_of(const Account& account) {
  if (!account.problem) return "";
  std::string_view type = http::text_of(*account.problem).type;
  if (type.starts_with(problem_prefix)) type.remove_prefix(problem_prefix.size());
  return type;
}

}  // namespace

void AccessLineWriter::append(std::string& out, config::LogFormat format,
                              const Account& account,
                              std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto since = duration_cast<milliseconds>(time.time_since_epoch()).count();
  const std::time_t second = since / 1000;
  if (second != second_) tell_second(second);
  if (format == config::LogFormat::json) {
    out.append(json(account, static_cast<unsigned>(since % 1000)));
  } else {
    out.append(text(account));
  }
}

void AccessLineWriter::tell_second(std::time_t second) {
  second_ = second;
  std::tm parts{};
  ::gmtime_r(&second, &parts);
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto year = static_cast<unsigned>(parts.tm_year + 1900);
  const auto two = [](Cursor& line, int number) {
    line.put_digits(static_cast<unsigned>(number), 2);
  };
  const auto clock = [&](Cursor& line) {
    two(line, parts.tm_hour);
    line.put(":");
    two(line, parts.tm_min);
    line.put(":");
    two(line, parts.tm_sec);
  };
  Cursor iso(room_);
  iso.put_digits(year, 4);
  iso.put("-");
  two(iso, parts.tm_mon + 1);
  iso.put("-");
  two(iso, parts.tm_mday);
  iso.put("T");
  clock(iso);
  iso_ = iso.written();
  Cursor combined(room_);
  two(combined, parts.tm_mday);
  combined.put("/");
  combined.put(months[static_cast<std::size_t>(parts.tm_mon)]);
  combined.put("/");
  combined.put_digits(year, 4);
  combined.put(":");
  clock(combined);
  combined_ = combined.written();
}

// What is our own, or was read as hexadecimal digits, needs no escaping.
std::string_view AccessLineWriter::json(const Account& account, unsigned milliseconds) {
  using http::FieldId;
  const http::RequestHead& head = *account.head;
  Cursor line(room_);
  line.put("{\"time\":\"");
  line.put(iso_);
  line.put(".");
  line.put_digits(milliseconds, 3);
  line.put("Z\",\"client\":\"");
  line.put_json(account.client_address);
  line.put("\",\"method\":\"");
  line.put_json(head.method);
  line.put("\",\"target\":\"");
  line.put_json(head.target, logged_target_octets_max);
  line.put("\",\"host\":\"");
  line.put_json(head.fields.first(FieldId::host));
  line.put("\",\"protocol\":\"");
  line.put(protocol_of(account));
  line.put("\",\"route\":\"");
  line.put(route_of(account));
  line.put("\",\"status\":");
  line.put_number(account.status);
  line.put(",\"decision\":\"");
  line.put(name_of(account.decision));
  if (account.problem) {
    line.put("\",\"problem\":\"");
    line.put(problem_of(account));
  }
  if (account.ending != Ending::whole) {
    line.put("\",\"ending\":\"");
    line.put(ending_names[static_cast<std::size_t>(account.ending)]);
  }
  line.put("\"");
  if (account.outcome_unknown) line.put(",\"outcome_unknown\":true");
  line.put(",\"octets_in\":");
  line.put_number(account.octets_in);
  line.put(",\"octets_out\":");
  line.put_number(account.octets_out);
  line.put(",\"duration_ms\":");
  line.put_milliseconds(account.took);
  if (account.gated) {
    line.put(",\"gate_ms\":");
    line.put_milliseconds(account.gate_wait);
  }
  if (account.probing != Clock::duration{}) {
    line.put(",\"probe_ms\":");
    line.put_milliseconds(account.probing);
  }
  if (account.forwarded) {
    line.put(",\"upstream\":\"");
    line.put_json(upstream_of(account));
    line.put("\",\"upstream_ms\":");
    line.put_milliseconds(account.upstream);
  }
  if (!account.trace_id.empty()) {
    line.put(",\"trace_id\":\"");
    line.put(account.trace_id);
    line.put("\"");
  }
  if (account.tls != nullptr) [[unlikely]] put_tls(line, *account.tls);
  line.put(",\"user_agent\":\"");
  line.put_json(head.fields.first("User-Agent"));
  const std::string_view referer = head.fields.first("Referer");
  if (!referer.empty()) {
    line.put("\",\"referer\":\"");
    line.put_json(referer);
  }
  line.put("\"}\n");
  return line.written();
}

std::string_view AccessLineWriter::text(const Account& account) {
  const http::RequestHead& head = *account.head;
  Cursor line(room_);
  line.put(account.client_address.empty() ? "-" : account.client_address);
  line.put(" - - [");
  line.put(combined_);
  line.put(" +0000] \"");
  line.put_quoted(head.method);
  line.put(" ");
  line.put_quoted(head.target, logged_target_octets_max);
  const std::string_view protocol = protocol_of(account);
  put_pair(line, " ", protocol);
  line.put("\" ");
  line.put_number(account.status);
  line.put(" ");
  line.put_number(account.octets_out);
  line.put(" \"");
  line.put_quoted(head.fields.first("Referer"));
  line.put("\" \"");
  line.put_quoted(head.fields.first("User-Agent"));
  line.put("\" host=\"");
  line.put_quoted(head.fields.first(http::FieldId::host));
  put_pair(line, "\" route=", route_of(account));
  put_pair(line, " decision=", name_of(account.decision));
  if (account.problem) put_pair(line, " problem=", problem_of(account));
  if (account.ending != Ending::whole) {
    put_pair(line, " ending=", ending_names[static_cast<std::size_t>(account.ending)]);
  }
  if (account.outcome_unknown) put_pair(line, " outcome=", "unknown");
  line.put(" in=");
  line.put_number(account.octets_in);
  line.put(" duration=");
  line.put_seconds(account.took);
  if (account.forwarded) {
    put_pair(line, " upstream=", upstream_of(account));
    line.put(" upstream_duration=");
    line.put_seconds(account.upstream);
  }
  put_pair(line, " trace=", account.trace_id);
  if (account.tls != nullptr) [[unlikely]] {
    put_pair(line, " tls=", account.tls->version());
    put_pair(line, " cipher=", account.tls->cipher());
    line.put(" server_name=\"");
    line.put_quoted(account.tls->server_name());
    line.put("\" client_subject=\"");
    line.put_quoted(account.tls->peer_subject());
    line.put("\"");
  }
  line.put("\n");
  return line.written();
}

}  // namespace ifmatch::net
