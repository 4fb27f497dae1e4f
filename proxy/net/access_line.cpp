#include "proxy/net/access_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/http/characters.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::net {
namespace {

using std::chrono::microseconds;

constexpr std::array<std::string_view, 3> ending_names{"whole", "client_left", "cut_short"};

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

// A fixed number of digits, with leading zeros.
void append_digits(std::string& out, unsigned number, int digits) {
  std::array<char, 6> text;
  for (int i = digits; i-- > 0; number /= 10) {
    text[static_cast<std::size_t>(i)] = static_cast<char>('0' + number % 10);
  }
  out.append(text.data(), static_cast<std::size_t>(digits));
}

std::uint64_t in_microseconds(Clock::duration duration) {
  const auto count = std::chrono::duration_cast<microseconds>(duration).count();
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

// "12.345": milliseconds.
void append_milliseconds(std::string& out, Clock::duration duration) {
  const std::uint64_t count = in_microseconds(duration);
  append_number(out, count / 1000);
  out += '.';
  append_digits(out, static_cast<unsigned>(count % 1000), 3);
}

// "0.012345": seconds.
void append_seconds(std::string& out, Clock::duration duration) {
  const std::uint64_t count = in_microseconds(duration);
  append_number(out, count / 1'000'000);
  out += '.';
  append_digits(out, static_cast<unsigned>(count % 1'000'000), 6);
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

// Of any member but the first.
void append_name(std::string& out, std::string_view name) {
  out.append(",\"").append(name).append("\":");
}

void append_member(std::string& out, std::string_view name, std::string_view value,
                   std::size_t octets_max = logged_value_octets_max) {
  append_name(out, name);
  const Bounded part = bounded(value, octets_max);
  if (std::ranges::all_of(part.text, [](char octet) { return is_plain(octet); })) {
    out.append("\"").append(part.text).append("\"");
  } else {
    http::append_json_string(out, part.text);
  }
  if (part.cut) out.insert(out.size() - 1, "...");
}

void append_member(std::string& out, std::string_view name, std::uint64_t value) {
  append_name(out, name);
  append_number(out, value);
}

void append_member(std::string& out, std::string_view name, Clock::duration value) {
  append_name(out, name);
  append_milliseconds(out, value);
}

// In double quotes, as nginx and Apache do it: what could end the quotes or the line is "\x0A".
void append_quoted(std::string& out, std::string_view value,
                   std::size_t octets_max = logged_value_octets_max) {
  const Bounded part = bounded(value, octets_max);
  if (part.text.empty()) out += '-';
  for (const char octet : part.text) {
    if (is_plain(octet)) {
      out += octet;
      continue;
    }
    const auto code = static_cast<unsigned char>(octet);
    out.append("\\x");
    out += http::upper_hex_digits[code >> 4U];
    out += http::upper_hex_digits[code & 0xFU];
  }
  if (part.cut) out += "...";
}

void append_pair(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("=").append(value.empty() ? "-" : value);
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
    append_json(out, account, static_cast<int>(since % 1000));
  } else {
    append_text(out, account);
  }
}

void AccessLineWriter::tell_second(std::time_t second) {
  second_ = second;
  std::tm parts{};
  ::gmtime_r(&second, &parts);
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto two = [](std::string& out, int number) {
    append_digits(out, static_cast<unsigned>(number), 2);
  };
  std::string clock = ":";
  two(clock, parts.tm_hour);
  clock += ':';
  two(clock, parts.tm_min);
  clock += ':';
  two(clock, parts.tm_sec);
  iso_.clear();
  append_digits(iso_, static_cast<unsigned>(parts.tm_year + 1900), 4);
  iso_ += '-';
  two(iso_, parts.tm_mon + 1);
  iso_ += '-';
  two(iso_, parts.tm_mday);
  iso_.append("T").append(clock, 1);
  combined_.clear();
  two(combined_, parts.tm_mday);
  combined_.append("/").append(months[static_cast<std::size_t>(parts.tm_mon)]).append("/");
  append_digits(combined_, static_cast<unsigned>(parts.tm_year + 1900), 4);
  combined_.append(clock);
}

void AccessLineWriter::append_json(std::string& out, const Account& account,
                                   int milliseconds) const {
  using http::FieldId;
  const http::RequestHead& head = *account.head;
  out.append("{\"time\":\"").append(iso_).append(".");
  append_digits(out, static_cast<unsigned>(milliseconds), 3);
  out.append("Z\"");
  append_member(out, "client", account.client_address);
  append_member(out, "method", head.method);
  append_member(out, "target", head.target, logged_target_octets_max);
  append_member(out, "host", head.fields.first(FieldId::host));
  append_member(out, "protocol", protocol_of(account));
  append_member(out, "route", route_of(account));
  append_member(out, "status", std::uint64_t{account.status});
  append_member(out, "decision", name_of(account.decision));
  if (account.problem) append_member(out, "problem", problem_of(account));
  if (account.ending != Ending::whole) {
    append_member(out, "ending", ending_names[static_cast<std::size_t>(account.ending)]);
  }
  if (account.outcome_unknown) out.append(",\"outcome_unknown\":true");
  append_member(out, "octets_in", account.octets_in);
  append_member(out, "octets_out", account.octets_out);
  append_member(out, "duration_ms", account.took);
  if (account.gated) append_member(out, "gate_ms", account.gate_wait);
  if (account.probing != Clock::duration{}) append_member(out, "probe_ms", account.probing);
  if (account.forwarded) {
    append_member(out, "upstream", upstream_of(account));
    append_member(out, "upstream_ms", account.upstream);
  }
  if (!account.trace_id.empty()) append_member(out, "trace_id", account.trace_id);
  append_member(out, "user_agent", head.fields.first("User-Agent"));
  const std::string_view referer = head.fields.first("Referer");
  if (!referer.empty()) append_member(out, "referer", referer);
  out.append("}\n");
}

void AccessLineWriter::append_text(std::string& out, const Account& account) const {
  const http::RequestHead& head = *account.head;
  out.append(account.client_address.empty() ? "-" : account.client_address);
  out.append(" - - [").append(combined_).append(" +0000] \"");
  append_quoted(out, head.method);
  out += ' ';
  append_quoted(out, head.target, logged_target_octets_max);
  const std::string_view protocol = protocol_of(account);
  out.append(" ").append(protocol.empty() ? "-" : protocol).append("\" ");
  append_number(out, account.status);
  out += ' ';
  append_number(out, account.octets_out);
  out.append(" \"");
  append_quoted(out, head.fields.first("Referer"));
  out.append("\" \"");
  append_quoted(out, head.fields.first("User-Agent"));
  out.append("\" host=\"");
  append_quoted(out, head.fields.first(http::FieldId::host));
  out += '"';
  append_pair(out, "route", route_of(account));
  append_pair(out, "decision", name_of(account.decision));
  if (account.problem) append_pair(out, "problem", problem_of(account));
  if (account.ending != Ending::whole) {
    append_pair(out, "ending", ending_names[static_cast<std::size_t>(account.ending)]);
  }
  if (account.outcome_unknown) append_pair(out, "outcome", "unknown");
  out.append(" in=");
  append_number(out, account.octets_in);
  out.append(" duration=");
  append_seconds(out, account.took);
  if (account.forwarded) {
    append_pair(out, "upstream", upstream_of(account));
    out.append(" upstream_duration=");
    append_seconds(out, account.upstream);
  }
  append_pair(out, "trace", account.trace_id);
  out += '\n';
}

}  // namespace ifmatch::net
