// RFC 9112, sections 2 to 5: lines, versions, request lines, targets, Host and field lines.
#include "tests/conformance/request_table.hpp"

namespace ifmatch::conformance {

namespace {

using namespace std::string_literals;

RequestSection message_parsing() {
  RequestSection s{"rfc9112_2_2_message_parsing", {}};
  s.served("plain", get());
  s.served("one_empty_line_before", "\r\n" + get());
  s.served("two_empty_lines_before", "\r\n\r\n" + get());
  s.served("bare_lf_before", "\n" + get(), "lenient: an empty line whose CR is missing");
  s.refused("empty_lines_without_end", std::string(40, '\n') + get());
  const std::string strict = "a recipient MAY take LF for CRLF; we never do";
  s.refused("lf_everywhere", "GET /doc/a HTTP/1.1\nHost: api.test\n\n", 505,
            "version-not-supported", strict);
  s.refused("lf_behind_request_line", "GET /doc/a HTTP/1.1\nHost: api.test\r\n\r\n", 505,
            "version-not-supported", strict);
  s.refused("lf_behind_field", get("X-A: 1\nX-B: 2\r\n"), 400, "bad-request", "as above");
  s.refused("lf_hides_a_field", get("X-A: 1\nIf-Match: *\r\n"));
  s.refused("cr_cr_lf", get("X-A: 1\r\r\n"));
  s.refused("bare_cr_in_value", get("X-A: 1\rX-B: 2\r\n"));
  s.refused("bare_cr_in_name", get("X\r-A: 1\r\n"));
  s.refused("bare_cr_in_request_line", request("GET /doc/a\r"));
  s.refused("bare_cr_behind_method", request("GET\r /doc/a"));
  s.refused("space_before_first_field", "GET /doc/a HTTP/1.1\r\n Host: api.test\r\n\r\n");
  s.refused("tab_before_first_field", "GET /doc/a HTTP/1.1\r\n\tX: 1\r\nHost: api.test\r\n\r\n");
  s.refused("space_line_hides_a_field",
            "GET /doc/a HTTP/1.1\r\n X: 1\r\nHost: api.test\r\n\r\n" + std::string(smuggled));
  s.refused("nul_in_request_line", request("GET /doc/a\0"s));
  s.refused("nul_in_name", get("X\0A: 1\r\n"s));
  s.refused("nul_in_value", get("X-A: 1\0 2\r\n"s));
  s.refused("utf8_in_method", request("G\xC3\x8BT /doc/a"));
  s.refused("utf16", "G\0E\0T\0 \0/\0\r\0\n\0\r\n\r\n"s);
  s.refused("tls_client_hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s);
  s.refused("no_http_at_all", "EHLO api.test\r\n\r\n");
  s.refused("response_as_request", "HTTP/1.1 200 OK\r\nHost: api.test\r\n\r\n");
  return s;
}

RequestSection versions() {
  RequestSection s{"rfc9112_2_3_version", {}};
  const auto with = [](std::string_view version) {
    return "GET /doc/a " + std::string(version) + "\r\nHost: api.test\r\n\r\n";
  };
  s.served("1_1", with("HTTP/1.1"));
  s.rows.push_back({.name = "1_0",
                    .octets = with("HTTP/1.0"),
                    .answers = {{}},
                    .after = After::closed,
                    .arrivals = {{.method = "GET", .target = "/doc/a"}}});
  // RFC 9110 section 2.5: a higher minor version is taken for the highest that we know.
  s.served("1_2", with("HTTP/1.2"));
  s.served("1_9", with("HTTP/1.9"));
  s.refused("1_10", with("HTTP/1.10"), 505, "version-not-supported");
  s.refused("2_0", with("HTTP/2.0"), 505, "version-not-supported");
  s.refused("3_0", with("HTTP/3.0"), 505, "version-not-supported");
  s.refused("0_9", with("HTTP/0.9"), 505, "version-not-supported");
  s.refused("http2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version-not-supported");
  s.refused("none", "GET /doc/a\r\nHost: api.test\r\n\r\n");
  s.refused("http_09_simple_request", "GET /doc/a\r\n\r\n");
  const std::string no_version = "400 would say it as well: it is no version at all";
  for (const auto& [name, version] :
       std::vector<std::pair<std::string, std::string>>{{"lower_case", "http/1.1"},
                                                        {"other_protocol", "HTTPS/1.1"},
                                                        {"no_minor", "HTTP/1"},
                                                        {"empty_minor", "HTTP/1."},
                                                        {"long_major", "HTTP/01.1"},
                                                        {"long_minor", "HTTP/1.01"},
                                                        {"two_digit_minor", "HTTP/1.10"},
                                                        {"letter", "HTTP/1.x"},
                                                        {"comma", "HTTP/1,1"},
                                                        {"blank_inside", "HTTP/ 1.1"},
                                                        {"blank_behind", "HTTP/1.1 "},
                                                        {"text_behind", "HTTP/1.1 x"}}) {
    s.refused(name, with(version), 505, "version-not-supported", no_version);
  }
  return s;
}

RequestSection request_lines() {
  RequestSection s{"rfc9112_3_request_line", {}};
  s.refused("two_spaces_before_target", request("GET  /doc/a"), 400, "bad-request",
            "a server MAY split at any white space; we never do");
  const std::string no_version = "400 would say it as well: what follows is no version";
  s.refused("two_spaces_before_version", "GET /doc/a  HTTP/1.1\r\nHost: api.test\r\n\r\n", 505,
            "version-not-supported", no_version);
  s.refused("tab_before_target", request("GET\t/doc/a"), 400, "bad-request", "as above");
  s.refused("tab_before_version", "GET /doc/a\tHTTP/1.1\r\nHost: api.test\r\n\r\n");
  s.refused("vertical_tab", request("GET\v/doc/a"));
  s.refused("space_before_method", " " + get());
  s.refused("no_target", "GET HTTP/1.1\r\nHost: api.test\r\n\r\n");
  s.refused("no_method", "/doc/a HTTP/1.1\r\nHost: api.test\r\n\r\n");
  s.refused("empty_method", request(" /doc/a"));
  s.refused("method_alone", "GET\r\n\r\n");
  s.refused("no_space", "GET/doc/a HTTP/1.1\r\nHost: api.test\r\n\r\n");
  s.refused("space_in_target", request("GET /doc/a b"), 505, "version-not-supported", no_version);
  s.refused("method_with_parenthesis", request("G(ET /doc/a"));
  s.refused("method_with_slash", request("GE/T /doc/a"));
  s.refused("method_with_colon", request("GET: /doc/a"));
  s.refused("method_with_quotes", request("\"GET\" /doc/a"));
  s.forwarded("method_of_all_token_characters", request("!#$%&'*+-.^_`|~0Az /pass/a"),
              {.method = "!#$%&'*+-.^_`|~0Az", .target = "/pass/a"});
  s.refused("target_too_long", request("GET /doc/" + std::string(2000, 'a')), 414,
            "target-too-long");
  s.refused("query_too_long", request("GET /doc/a?" + std::string(2000, 'a')), 414,
            "target-too-long");
  s.refused("request_line_without_end", "GET /doc/" + std::string(8000, 'a'), 414,
            "target-too-long");
  s.forwarded("target_of_a_thousand_octets", request("GET /doc/a?" + std::string(1000, 'a')),
              {.method = "GET", .target = "/doc/a?" + std::string(1000, 'a')});
  return s;
}

RequestSection target_forms() {
  RequestSection s{"rfc9112_3_2_request_target", {}};
  const auto arrives = [](std::string target) {
    return Arrival{.method = "GET", .target = std::move(target), .with = {{"Host", "api.test"}}};
  };
  // 3.2.1, origin-form.
  s.forwarded("origin_form_with_query", request("GET /doc/a?b=c&d=/e?f"),
              arrives("/doc/a?b=c&d=/e?f"));
  s.forwarded("origin_form_with_empty_query", request("GET /doc/a?"), arrives("/doc/a?"));
  s.forwarded("origin_form_of_the_root", request("GET /"), arrives("/"));
  s.forwarded("trailing_slash_is_kept", request("GET /doc/a/"), arrives("/doc/a/"));
  s.forwarded("unreserved_characters_are_decoded", request("GET /doc/%61%7E%2D"),
              arrives("/doc/a~-"), "equivalent (RFC 3986 section 6.2.2.2)");
  s.forwarded("hexadecimal_is_upper_case", request("GET /doc/%c3%a4"), arrives("/doc/%C3%A4"),
              "equivalent (RFC 3986 section 6.2.2.1)");
  s.forwarded("escaped_space", request("GET /doc/a%20b"), arrives("/doc/a%20b"));
  s.forwarded("sub_delimiters", request("GET /doc/a!$&'()*+,=:@"), arrives("/doc/a!$&'()*+,=:@"));
  s.forwarded("query_is_not_touched", request("GET /doc/a?%61=%2f..%2F"),
              arrives("/doc/a?%61=%2f..%2F"));
  s.forwarded("query_beyond_ascii", request("GET /doc/a?\xC3\xA4"), arrives("/doc/a?\xC3\xA4"),
              "no URI, but APIs are used to it, and nothing can hide in it");
  s.refused("fragment", request("GET /doc/a#b"), 400, "ambiguous-path");
  s.refused("fragment_behind_query", request("GET /doc/a?b#c"));
  const std::string two_readings = "which resource it names depends on the reader";
  for (const auto& [name, path] : std::vector<std::pair<std::string, std::string>>{
           {"dot_segment", "/doc/./a"},
           {"dot_dot_segment", "/doc/../doc/a"},
           {"dot_dot_out_of_guard", "/pass/../doc/a"},
           {"encoded_dot_dot", "/pass/%2e%2E/doc/a"},
           {"twice_encoded_dot_dot", "/pass/%252e%252e/doc/a"},
           {"encoded_slash", "/doc%2fa"},
           {"twice_encoded_slash", "/doc%252fa"},
           {"encoded_backslash", "/doc%5Ca"},
           {"overlong_slash", "/doc%C0%AFa"},
           {"empty_segment", "/doc//a"},
           {"empty_first_segment", "//doc/a"},
           {"nul", "/doc/a%00"},
           {"line_end", "/doc/a%0d%0aX:%201"},
           {"broken_escape", "/doc/a%4"},
           {"no_hexadecimal", "/doc/%zz"},
           {"parameters_alone", "/doc/;a=b/c"}}) {
    s.refused("path_with_" + name, request("GET " + path), 400, "ambiguous-path", two_readings);
  }
  s.refused("backslash", request("GET /doc\\a"), 400, "ambiguous-path");
  s.refused("path_beyond_ascii", request("GET /doc/\xC3\xA4"), 400, "ambiguous-path");
  s.refused("double_quote", request("GET /doc/\"a\""), 400, "ambiguous-path");
  s.refused("too_many_segments",
            request("GET " +
                    [] {
                      std::string path;
                      for (int count = 0; count < 40; ++count) path += "/doc";
                      return path;
                    }()),
            414, "target-too-long", "each segment is a gate (DESIGN: at most 32)");
  // What is refused for what it names, not for its shape, leaves the connection as it is.
  s.rows.back().after = After::open;
  s.refused("relative_path", request("GET doc/a"));
  s.refused("empty_path_with_query", request("GET ?a"));
  // 3.2.2, absolute-form.
  s.forwarded("absolute_form", request("GET http://api.test/doc/a?b"), arrives("/doc/a?b"));
  s.forwarded("absolute_form_in_another_case", request("GET HTTP://API.Test/doc/a"),
              arrives("/doc/a"));
  s.forwarded("absolute_form_with_default_port", request("GET http://api.test:80/doc/a"),
              arrives("/doc/a"));
  s.forwarded("absolute_form_without_path", request("GET http://api.test"), arrives("/"));
  s.forwarded("absolute_form_with_query_only", request("GET http://api.test?a"), arrives("/?a"));
  s.forwarded("absolute_form_of_https", request("GET https://api.test/doc/a"), arrives("/doc/a"),
              "TLS may have ended before us");
  s.refused("absolute_form_of_another_host", request("GET http://other.test/doc/a"), 400,
            "bad-request", "the target SHOULD win over Host; which one others obey is unknown");
  s.refused("absolute_form_of_another_port", request("GET http://api.test:8080/doc/a"), 400,
            "bad-request", "as above");
  s.refused("absolute_form_without_host", "GET http://api.test/doc/a HTTP/1.1\r\n\r\n", 400,
            "bad-request", "Host is required all the same (section 3.2)");
  s.refused("absolute_form_with_user", request("GET http://user@api.test/doc/a"));
  s.refused("absolute_form_of_empty_host", request("GET http:///doc/a"));
  s.refused("absolute_form_with_fragment", request("GET http://api.test/doc/a#b"), 400,
            "ambiguous-path");
  s.refused("absolute_form_with_empty_segment", request("GET http://api.test//doc/a"), 400,
            "ambiguous-path");
  s.refused("other_scheme", request("GET ftp://api.test/doc/a"));
  s.refused("scheme_without_slashes", request("GET http:/doc/a"));
  // 3.2.3, authority-form.
  s.refused("authority_form_for_get", request("GET api.test:80"));
  s.refused("authority_form_for_connect",
            "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n", 405,
            "method-not-allowed");
  s.refused("origin_form_for_connect", request("CONNECT /doc/a"), 405, "method-not-allowed");
  // 3.2.4, asterisk-form.
  // The server as such is no resource: it answers for itself, and nothing arrives.
  for (const auto& [name, line] : std::vector<std::pair<std::string, std::string>>{
           {"asterisk_form_for_options", "OPTIONS *"},
           {"absolute_form_for_options_of_the_server", "OPTIONS http://api.test"}}) {
    s.rows.push_back({.name = name, .octets = request(line), .answers = {{}}, .arrivals = {}});
  }
  s.forwarded("absolute_form_for_options_of_the_root", request("OPTIONS http://api.test/"),
              {.method = "OPTIONS", .target = "/", .with = {{"Host", "api.test"}}});
  s.refused("asterisk_form_for_get", request("GET *"));
  s.refused("asterisk_form_for_put", request("PUT *", "If-Match: *\r\nContent-Length: 0\r\n"));
  s.refused("asterisk_and_more", request("OPTIONS *a"));
  return s;
}

RequestSection hosts() {
  RequestSection s{"rfc9112_3_2_host", {}};
  const auto with = [](std::string_view lines) {
    return "GET /doc/a HTTP/1.1\r\n" + std::string(lines) + "\r\n";
  };
  const auto names = [&](std::string name, const std::string& host) {
    s.forwarded(std::move(name), with("Host: " + host + "\r\n"),
                {.method = "GET", .target = "/doc/a", .with = {{"Host", host}}});
  };
  names("name", "api.test");
  names("name_and_port", "api.test:8080");
  names("upper_case", "API.TEST");
  names("trailing_dot", "api.test.");
  names("ipv4", "127.0.0.1:80");
  names("ipv6", "[::1]");
  names("ipv6_and_port", "[2001:db8::1]:8080");
  names("empty_port", "api.test:");
  s.served("name_of_field_in_any_case", with("hOST: api.test\r\n"));
  s.served("blanks_around", with("Host:\t api.test \t\r\n"));
  s.refused("none", with(""));
  s.refused("two_different", with("Host: api.test\r\nHost: other.test\r\n"));
  s.refused("two_equal", with("Host: api.test\r\nHost: api.test\r\n"));
  s.refused("two_in_another_case", with("Host: api.test\r\nHOST: api.test\r\n"));
  s.refused("list", with("Host: api.test, other.test\r\n"));
  s.refused("empty", with("Host:\r\n"), 400, "bad-request",
            "lawful where the target has no authority; no API is reached by no name");
  s.refused("blank_inside", with("Host: api test\r\n"));
  s.refused("path", with("Host: api.test/doc\r\n"));
  s.refused("query", with("Host: api.test?a\r\n"));
  s.refused("user", with("Host: user@api.test\r\n"));
  s.refused("scheme", with("Host: http://api.test\r\n"));
  s.refused("port_of_letters", with("Host: api.test:http\r\n"));
  s.refused("port_too_large", with("Host: api.test:65536\r\n"));
  s.refused("two_ports", with("Host: api.test:80:80\r\n"));
  s.refused("port_alone", with("Host: :80\r\n"));
  s.refused("bare_ipv6", with("Host: ::1\r\n"));
  s.refused("broken_ipv6", with("Host: [::1\r\n"));
  s.refused("ipv6_of_letters", with("Host: [::g]\r\n"));
  s.refused("escape", with("Host: api%2etest\r\n"), 400, "bad-request",
            "lawful in a URI (RFC 3986 section 3.2.2); no real name has it");
  s.refused("beyond_ascii", with("Host: \xC3\xA4.test\r\n"));
  s.refused("with_space_before_colon", with("Host : api.test\r\n"));
  s.rows.push_back({.name = "none_on_1_0",
                    .octets = "GET /doc/a HTTP/1.0\r\n\r\n",
                    .answers = {{}},
                    .after = After::closed,
                    .arrivals = {{.method = "GET", .target = "/doc/a"}}});
  s.refused("two_on_1_0", "GET /doc/a HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
  return s;
}

RequestSection field_syntax() {
  RequestSection s{"rfc9112_5_field_syntax", {}};
  const auto carries = [&](std::string name, std::string line, support::Fields with) {
    s.forwarded(std::move(name), get(line),
                {.method = "GET", .target = "/doc/a", .with = std::move(with)});
  };
  carries("no_blank_behind_colon", "X-A:1\r\n", {{"X-A", "1"}});
  carries("blanks_around_value", "X-A: \t 1 2 \t\r\n", {{"X-A", "1 2"}});
  carries("empty_value", "X-A:\r\n", {{"X-A", ""}});
  carries("blank_value", "X-A: \t \r\n", {{"X-A", ""}});
  carries("tab_inside_value", "X-A: 1\t2\r\n", {{"X-A", "1\t2"}});
  carries("colon_in_value", "X-A: :1:\r\n", {{"X-A", ":1:"}});
  carries("obs_text", "X-A: \xE4\xFF\x80\r\n", {{"X-A", "\xE4\xFF\x80"}});
  carries("all_token_characters", "!#$%&'*+-.^_`|~09aZ: 1\r\n", {{"!#$%&'*+-.^_`|~09aZ", "1"}});
  carries("order_of_equal_names", "X-A: 1\r\nX-B: 0\r\nx-a: 2, 3\r\nX-A:\r\n",
          {{"X-A", "1"}, {"X-A", "2, 3"}, {"X-A", ""}, {"X-B", "0"}});
  s.refused("space_before_colon", get("X-A : 1\r\n"));
  s.refused("tab_before_colon", get("X-A\t: 1\r\n"));
  s.refused("space_before_colon_of_framing", post("Content-Length : 2\r\n", "{}"));
  s.refused("space_inside_name", get("X A: 1\r\n"));
  s.refused("no_colon", get("X-A\r\n"));
  s.refused("empty_name", get(": 1\r\n"));
  s.refused("name_with_parenthesis", get("X(A: 1\r\n"));
  s.refused("name_with_slash", get("X/A: 1\r\n"));
  s.refused("name_with_quotes", get("\"X-A\": 1\r\n"));
  s.refused("name_with_control", get("X\x01: 1\r\n"));
  s.refused("name_beyond_ascii", get("X-\xC3\xA4: 1\r\n"));
  s.refused("value_with_control", get("X-A: 1\x01\r\n"));
  s.refused("value_with_delete", get("X-A: 1\x7F\r\n"));
  s.refused("value_with_escape", get("X-A: \x1B[0m\r\n"));
  s.refused("value_with_vertical_tab", get("X-A: 1\v2\r\n"));
  s.refused("fold_with_space", get("X-A: 1\r\n 2\r\n"));
  s.refused("fold_with_tab", get("X-A: 1\r\n\t2\r\n"));
  s.refused("fold_before_value", get("X-A:\r\n 1\r\n"));
  s.refused("fold_of_blanks_alone", get("X-A: 1\r\n \r\nX-B: 2\r\n"));
  s.refused("fold_hides_framing", post("X-A: 1\r\n Content-Length: 2\r\n", "{}"));
  s.refused("fold_of_framing", post("Content-Length:\r\n 2\r\n", "{}"));
  s.refused("fold_of_host", "GET /doc/a HTTP/1.1\r\nHost:\r\n api.test\r\n\r\n");
  s.refused("underscore_for_dash", put("If_Match: \"x\"\r\nContent-Length: 0\r\n"), 400,
            "bad-request", "to CGI and its heirs it is the known field");
  s.refused("underscore_in_framing", post("Content_Length: 2\r\nContent-Length: 0\r\n"), 400,
            "bad-request", "as above");
  carries("underscore_in_unknown_name", "X_Own: 1\r\n", {{"X_Own", "1"}});
  std::string many;
  for (int count = 0; count < 50; ++count) many += "X-" + std::to_string(count) + ": 1\r\n";
  s.refused("too_many_lines", get(many), 431, "fields-too-large");
  s.refused("too_long_a_line", get("X-A: " + std::string(6000, 'a') + "\r\n"), 431,
            "fields-too-large");
  s.refused("too_long_a_name", get(std::string(6000, 'a') + ": 1\r\n"), 431, "fields-too-large");
  s.refused("a_line_without_end", "GET /doc/a HTTP/1.1\r\nX-A: " + std::string(8000, 'a'), 431,
            "fields-too-large");
  return s;
}

}  // namespace

std::vector<RequestSection> syntax_sections() {
  return {message_parsing(), versions(), request_lines(), target_forms(), hosts(), field_syntax()};
}

}  // namespace ifmatch::conformance
