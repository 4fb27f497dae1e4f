// RFC 9110: fields and lists, hops, methods, expectations, conditions and ranges, by section.
#include "tests/conformance/request_table.hpp"

namespace ifmatch::conformance {

namespace {

constexpr std::string_view unseen = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";

// What the proxy asks before a guarded write.
Arrival probe() {
  return {.method = "GET", .target = "/doc/a"};
}

Arrival read(support::Fields with, std::vector<std::string> without = {}) {
  return {
      .method = "GET", .target = "/doc/a", .with = std::move(with), .without = std::move(without)};
}

// A bypass route hands on what is not for this hop.
Arrival passed(support::Fields with, std::vector<std::string> without = {}) {
  return {
      .method = "GET", .target = "/pass/a", .with = std::move(with), .without = std::move(without)};
}

std::string get_pass(std::string_view lines) {
  return request("GET /pass/a", lines);
}

// One answer of the proxy's own, behind which the connection stays.
RequestRow declined(std::string name, std::string octets, Answer answer,
                    std::vector<Arrival> arrivals = {}, std::string remark = {}) {
  return {.name = std::move(name),
          .octets = std::move(octets),
          .answers = {std::move(answer)},
          .after = After::open,
          .arrivals = std::move(arrivals),
          .remark = std::move(remark)};
}

RequestSection fields() {
  RequestSection s{"rfc9110_5_fields", {}};
  // 5.1 and 16.3.2.1: unknown fields are forwarded.
  s.forwarded("unknown_field", get("X-Unknown: 1\r\n"), read({{"X-Unknown", "1"}}));
  s.forwarded("unknown_field_of_a_write", put("Content-Length: 0\r\nX-Unknown: 1\r\n"),
              read({{"X-Unknown", "1"}}));
  s.rows.back().arrivals.push_back(
      {.method = "PUT", .target = "/doc/a", .with = {{"X-Unknown", "1"}}});
  // 5.3: lines of one name are one list, in their order.
  s.forwarded("order_within_a_name", get("Accept: a/b\r\nX-A: 1\r\nAccept: c/d, e/f\r\n"),
              read({{"Accept", "a/b"}, {"Accept", "c/d, e/f"}}));
  s.forwarded("cookies_stay_apart", get("Cookie: a=1\r\nCookie: b=2\r\n"),
              read({{"Cookie", "a=1"}, {"Cookie", "b=2"}}));
  s.rows.push_back(declined("if_match_on_two_lines_is_one_list",
                            request("PUT /doc/a",
                                    "If-Match: \"a\"\r\nIf-Match: \"b\"\r\n"
                                    "Content-Length: 0\r\n"),
                            {.status = 412, .problem = "stale-version"}, {probe()}));
  s.rows.push_back(declined("asterisk_and_tag_on_two_lines_are_no_list",
                            request("PUT /doc/a",
                                    "If-Match: *\r\nIf-Match: \"b\"\r\n"
                                    "Content-Length: 0\r\n"),
                            {.status = 400, .problem = "bad-condition"}));
  // 5.5.
  s.forwarded("value_of_visible_characters", get("X-A: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\r\n"),
              read({{"X-A", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}}));
  s.refused("control_in_a_condition", put("X: 1\r\nIf-None-Match: \"a\x01\"\r\n"
                                          "Content-Length: 0\r\n"));
  // 5.6.1: empty elements count for nothing.
  s.rows.push_back(declined("list_of_empty_elements",
                            request("PUT /doc/a",
                                    "If-Match: ,, ,\"a\" , ,\r\n"
                                    "Content-Length: 0\r\n"),
                            {.status = 412, .problem = "stale-version"}, {probe()}));
  s.forwarded("connection_of_empty_elements", get("Connection: , ,x-hop,,\r\nX-Hop: 1\r\n"),
              read({}, {"X-Hop"}));
  // 5.6.2.
  s.refused("connection_option_that_is_no_token", get("Connection: a b\r\n"));
  s.refused("connection_option_in_quotes", get("Connection: \"close\"\r\n"));
  // 5.6.3: tabs are blanks, too.
  s.forwarded("tabs_in_a_list", get("Connection:\tx-a\t,\tx-b\t\r\nX-A: 1\r\nX-B: 1\r\n"),
              read({}, {"X-A", "X-B"}));
  return s;
}

RequestSection routing() {
  RequestSection s{"rfc9110_7_hops", {}};
  // 7.2.
  s.forwarded("host_is_handed_on", "GET /doc/a HTTP/1.1\r\nHost: Api.Test:8080\r\n\r\n",
              read({{"Host", "Api.Test:8080"}}));
  // 7.6.1.
  s.forwarded("nominated_field", get("Connection: X-Hop\r\nX-Hop: 1\r\nX-End: 1\r\n"),
              read({{"X-End", "1"}}, {"X-Hop"}));
  s.forwarded("nominated_in_another_case", get("connection: x-hOP\r\nX-HOP: 1\r\nx-hop: 2\r\n"),
              read({}, {"X-Hop"}));
  s.forwarded("nominated_on_two_lines",
              get("Connection: X-A\r\nX-A: 1\r\nConnection: X-B\r\nX-B: 1\r\n"),
              read({}, {"X-A", "X-B"}));
  s.forwarded("nominated_and_absent", get("Connection: X-Hop\r\n"), read({}, {"X-Hop"}));
  s.forwarded("hop_by_hop_fields_not_nominated",
              get("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
                  "Trailer: X-Late\r\nUpgrade: websocket\r\nProxy-Authorization: Basic eA==\r\n"),
              read({}));
  s.forwarded("hop_by_hop_fields_of_a_bypass_route",
              get_pass("Keep-Alive: timeout=5\r\nTE: gzip\r\nTrailer: X-Late\r\n"), passed({}));
  // 10.1.4: of TE only what we can keep ourselves goes on, said anew for the next hop.
  s.forwarded("trailers_wanted_on_a_bypass_route",
              get_pass("TE: gzip;q=0.5, trailers\r\nConnection: TE\r\n"),
              passed({{"TE", "trailers"}, {"Connection", "TE"}}));
  const std::string end_to_end = "a sender MUST NOT nominate what is for all (section 7.6.1)";
  for (const std::string name : {"Host", "Content-Length", "Transfer-Encoding", "Authorization",
                                 "Cookie", "Cache-Control", "Content-Type", "Expect", "Date", "Via",
                                 "X-Forwarded-For", "Accept", "Origin", "Max-Forwards"}) {
    s.refused("nomination_of_" + name, get("Connection: close, " + name + "\r\n"), 400,
              "bad-request", end_to_end);
  }
  for (const std::string name : {"If-Match", "If-None-Match", "If-Modified-Since",
                                 "If-Unmodified-Since", "If-Range", "Range"}) {
    s.refused("nomination_of_" + name, put("Connection: " + name + "\r\nContent-Length: 0\r\n"),
              400, "bad-condition", "a condition that gets lost on its way loses an update");
  }
  // 7.6.3.
  s.forwarded("via_is_added", get(), read({{"Via", "1.1 ifmatch"}}));
  s.forwarded("via_is_appended", get("Via: 1.0 fred, 1.1 p.example\r\n"),
              read({{"Via", "1.0 fred, 1.1 p.example"}, {"Via", "1.1 ifmatch"}}));
  s.rows.push_back({.name = "via_names_the_version_received",
                    .octets = "GET /doc/a HTTP/1.0\r\nHost: api.test\r\n\r\n",
                    .answers = {{}},
                    .after = After::closed,
                    .arrivals = {read({{"Via", "1.0 ifmatch"}})}});
  // 7.8: an upgrade that is not passed on is ignored.
  s.forwarded("upgrade_to_websocket",
              get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
              read({}, {"Upgrade"}));
  s.forwarded("upgrade_to_h2c",
              get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                  "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
              read({}, {"Upgrade", "HTTP2-Settings"}));
  s.forwarded("upgrade_on_a_bypass_route", get_pass("Connection: Upgrade\r\nUpgrade: h2c\r\n"),
              passed({}, {"Upgrade"}));
  // Claims about the way to us are ours to make (RFC 7239 section 8.1).
  s.forwarded("forwarded_is_ours",
              get("Forwarded: for=9.9.9.9\r\nX-Forwarded-For: 9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\n"
                  "X-Forwarded-Host: other.test\r\n"),
              read({{"Forwarded", "for=127.0.0.1;host=\"api.test\";proto=http"},
                    {"X-Forwarded-For", "127.0.0.1"},
                    {"X-Forwarded-Host", "api.test"}},
                   {"X-Real-IP"}));
  s.forwarded("other_paths_are_not_named",
              get("X-Original-URL: /smuggled\r\n"
                  "X-Rewrite-URL: /smuggled\r\n"),
              read({}, {"X-Original-URL", "X-Rewrite-URL"}));
  return s;
}

RequestSection representation() {
  RequestSection s{"rfc9110_8_representation_data", {}};
  s.forwarded("metadata_of_content",
              post("Content-Type: text/plain;charset=utf-8\r\nContent-Encoding: gzip\r\n"
                   "Content-Language: de, en\r\nContent-Location: /doc/b\r\n"
                   "Content-Length: 2\r\n",
                   "{}"),
              {.method = "POST",
               .target = "/doc/a",
               .content = "{}",
               .with = {{"Content-Type", "text/plain;charset=utf-8"},
                        {"Content-Encoding", "gzip"},
                        {"Content-Language", "de, en"},
                        {"Content-Location", "/doc/b"}}});
  // 8.6: who expects content says that there is none, who does not says nothing.
  for (const std::string method : {"POST", "PUT", "PATCH"}) {
    s.forwarded("no_content_of_" + method, request(method + " /pass/a"),
                {.method = method,
                 .target = "/pass/a",
                 .with = {{"Content-Length", "0"}},
                 .without = {"Transfer-Encoding"}});
  }
  for (const std::string method : {"GET", "DELETE", "OPTIONS"}) {
    s.forwarded("no_content_of_" + method, request(method + " /pass/a"),
                {.method = method,
                 .target = "/pass/a",
                 .without = {"Content-Length", "Transfer-Encoding"}});
  }
  s.served("length_of_zero_on_get", get("Content-Length: 0\r\n"));
  // 8.8.3.
  const auto tag = [&s](std::string name, const std::string& value, const std::string& problem) {
    const bool decided = problem == "stale-version";
    s.rows.push_back(declined(
        std::move(name), request("PUT /doc/a", "If-Match: " + value + "\r\nContent-Length: 0\r\n"),
        {.status = decided ? 412 : 400, .problem = problem},
        decided ? std::vector<Arrival>{probe()} : std::vector<Arrival>{}));
  };
  tag("tag", "\"abc\"", "stale-version");
  tag("tag_of_nothing", "\"\"", "stale-version");
  tag("tag_of_punctuation", "\"!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\"", "stale-version");
  tag("tag_beyond_ascii", "\"\xC3\xA4\xFF\"", "stale-version");
  tag("weak_tag", "W/\"abc\"", "stale-version");
  tag("weakness_in_lower_case", "w/\"abc\"", "bad-condition");
  tag("weakness_with_blank", "W/ \"abc\"", "bad-condition");
  tag("weakness_without_tag", "W/", "bad-condition");
  tag("tag_with_blank", "\"a b\"", "bad-condition");
  tag("tag_with_tab", "\"a\tb\"", "bad-condition");
  tag("tag_with_escaped_quote", "\"a\\\"b\"", "bad-condition");
  tag("tag_without_quotes", "abc", "bad-condition");
  tag("tag_in_single_quotes", "'abc'", "bad-condition");
  tag("tag_without_end", "\"abc", "bad-condition");
  tag("tag_without_begin", "abc\"", "bad-condition");
  tag("tags_without_comma", "\"a\" \"b\"", "bad-condition");
  tag("tags_with_semicolon", "\"a\"; \"b\"", "bad-condition");
  return s;
}

RequestSection methods() {
  RequestSection s{"rfc9110_9_methods", {}};
  s.forwarded("get", get(), read({}));
  s.rows.push_back({.name = "head_of_a_guarded_resource",
                    .octets = request("HEAD /doc/a"),
                    .answers = {{.to = Answer::To::head}},
                    .after = After::open,
                    .arrivals = {read({})},
                    .remark = "answered from a GET, so that both have one tag"});
  s.rows.push_back({.name = "head",
                    .octets = request("HEAD /pass/a"),
                    .answers = {{.to = Answer::To::head}},
                    .after = After::open,
                    .arrivals = {{.method = "HEAD", .target = "/pass/a"}}});
  s.forwarded("post", post("Content-Length: 2\r\n", "{}"),
              {.method = "POST", .target = "/doc/a", .content = "{}"});
  for (const std::string method : {"PUT", "PATCH", "DELETE"}) {
    s.forwarded(method, request(method + " /doc/a", "If-Match: *\r\nContent-Length: 2\r\n", "{}"),
                probe());
    s.rows.back().arrivals.push_back({.method = method, .target = "/doc/a", .content = "{}"});
    s.rows.push_back(declined(method + "_without_precondition",
                              request(method + " /doc/a", "Content-Length: 2\r\n", "{}"),
                              {.status = 412, .problem = "precondition-missing"}));
    s.forwarded(method + "_unguarded", request(method + " /pass/a", "Content-Length: 2\r\n", "{}"),
                {.method = method, .target = "/pass/a", .content = "{}"});
  }
  s.rows.push_back(
      declined("put_that_creates_what_is_there",
               request("PUT /doc/a", "If-None-Match: *\r\nContent-Length: 2\r\n", "{}"),
               {.status = 412, .problem = "already-exists"}, {probe()}));
  // 9.3.6 and 9.3.8.
  s.refused("connect", request("CONNECT api.test:80"), 405, "method-not-allowed");
  s.refused("trace", request("TRACE /doc/a"), 405, "method-not-allowed");
  s.refused("trace_of_a_bypass_route", request("TRACE /pass/a"), 405, "method-not-allowed");
  s.forwarded("options", request("OPTIONS /doc/a"), {.method = "OPTIONS", .target = "/doc/a"});
  s.forwarded("unknown_method", request("BREW /doc/a", "Content-Length: 2\r\n", "{}"),
              {.method = "BREW", .target = "/doc/a", .content = "{}"});
  s.rows.push_back(
      declined("unknown_method_with_precondition",
               request("BREW /doc/a",
                       "If-Match: " + std::string(unseen) + "\r\nContent-Length: 2\r\n", "{}"),
               {.status = 412, .problem = "stale-version"}, {probe()},
               "whoever sends a precondition is held to it"));
  // 9.1: names are case-sensitive, but not to every API.
  for (const std::string method : {"put", "Patch", "dELETE", "get", "Post", "options"}) {
    s.rows.push_back(declined("guarded_" + method,
                              request(method + " /doc/a", "Content-Length: 2\r\n", "{}"),
                              {.status = 400, .problem = "ambiguous-method"}, {},
                              "unknown to the standard, and a known one to many an API"));
  }
  s.forwarded("put_in_lower_case_unguarded", request("put /pass/a", "Content-Length: 2\r\n", "{}"),
              {.method = "put", .target = "/pass/a", .content = "{}"});
  for (const std::string name : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
    s.rows.push_back(declined("get_overridden_by_" + name, get(name + ": DELETE\r\n"),
                              {.status = 400, .problem = "ambiguous-method"}));
    s.rows.push_back(declined("post_overridden_by_" + name,
                              post(name + ": put\r\nContent-Length: 2\r\n", "{}"),
                              {.status = 412, .problem = "precondition-missing"}));
  }
  s.rows.push_back(declined("post_overridden_by_query",
                            request("POST /doc/a?_method=DELETE", "Content-Length: 0\r\n"),
                            {.status = 412, .problem = "precondition-missing"}));
  return s;
}

RequestSection max_forwards() {
  RequestSection s{"rfc9110_7_6_2_max_forwards", {}};
  const auto options = [](std::string_view value) {
    return request("OPTIONS /doc/a", "Max-Forwards: " + std::string(value) + "\r\n");
  };
  s.forwarded("is_counted_down", options("7"),
              {.method = "OPTIONS", .target = "/doc/a", .with = {{"Max-Forwards", "6"}}});
  s.forwarded("one_is_the_last", options("1"),
              {.method = "OPTIONS", .target = "/doc/a", .with = {{"Max-Forwards", "0"}}});
  s.rows.push_back({.name = "zero_is_answered_here",
                    .octets = options("0"),
                    .answers = {{}},
                    .after = After::open,
                    .arrivals = {}});
  s.forwarded("that_is_no_number_means_nothing", options("many"),
              {.method = "OPTIONS", .target = "/doc/a", .with = {{"Max-Forwards", "many"}}});
  s.rows.push_back(
      {.name = "zero_and_content",
       .octets = request("OPTIONS /pass/a", "Max-Forwards: 0\r\nContent-Length: 2\r\n", "{}"),
       .answers = {{}},
       .after = After::closed,
       .arrivals = {},
       .remark = "its content was not looked at, so the connection ends"});
  s.forwarded("means_nothing_to_get", get("Max-Forwards: 7\r\n"), read({{"Max-Forwards", "7"}}));
  return s;
}

RequestSection expectations() {
  RequestSection s{"rfc9110_10_1_1_expect", {}};
  const std::string expect = "Expect: 100-continue\r\n";
  const auto continued = [&s](std::string name, std::string octets, std::vector<Arrival> arrivals) {
    s.rows.push_back({.name = std::move(name),
                      .octets = std::move(octets),
                      .answers = {{.interim = {100}}},
                      .after = After::open,
                      .arrivals = std::move(arrivals)});
  };
  const Arrival posted{.method = "POST", .target = "/doc/a", .content = "{}"};
  // The octets come without waiting, as the section allows; the Expect is met by us.
  continued("of_a_post", post(expect + "Content-Length: 2\r\n", "{}"), {posted});
  continued("in_another_case", post("expect: 100-Continue\r\nContent-Length: 2\r\n", "{}"),
            {posted});
  continued("of_chunks", post(expect + "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            {posted});
  continued("of_a_streamed_post", pass(expect + "Content-Length: 2\r\n", "{}"),
            {{.method = "POST", .target = "/pass/a", .content = "{}"}});
  continued("of_a_guarded_put", put(expect + "Content-Length: 2\r\n", "{}"),
            {probe(), {.method = "PUT", .target = "/doc/a", .content = "{}"}});
  s.forwarded("without_content", post(expect + "Content-Length: 0\r\n"),
              {.method = "POST", .target = "/doc/a"}, "nothing to wait for, so no 100");
  s.served("of_a_get", get(expect));
  s.rows.push_back({.name = "on_1_0",
                    .octets = "POST /doc/a HTTP/1.0\r\nHost: api.test\r\n" + expect +
                              "Content-Length: 2\r\n\r\n{}",
                    .answers = {{}},
                    .after = After::closed,
                    .arrivals = {posted},
                    .remark = "a server MUST ignore it in an HTTP/1.0 request"});
  // A final refusal comes instead of 100, and the connection ends: nobody knows what follows.
  s.refused("of_a_put_without_precondition",
            request("PUT /doc/a", expect + "Content-Length: 200\r\n"), 412, "precondition-missing");
  s.refused("of_too_much", post(expect + "Content-Length: 2000\r\n"), 413, "body-too-large");
  s.refused("of_a_malformed_condition",
            request("PUT /doc/a", "If-Match: x\r\n" + expect + "Content-Length: 200\r\n"), 400,
            "bad-condition");
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"unknown", "200-ok"},
                                                        {"parameter", "100-continue;a=b"},
                                                        {"value", "100-continue=1"},
                                                        {"list_with_unknown", "100-continue, x"}}) {
    s.refused(name, post("Expect: " + value + "\r\nContent-Length: 2\r\n", "{}"), 417,
              "expectation-failed");
  }
  s.refused("unknown_of_a_get", get("Expect: x\r\n"), 417, "expectation-failed");
  return s;
}

RequestSection negotiation() {
  RequestSection s{"rfc9110_12_5_negotiation", {}};
  s.forwarded("of_a_guarded_read",
              get("Accept: application/json;q=0.5\r\nAccept-Language: de\r\n"
                  "Accept-Charset: utf-8\r\nUser-Agent: x/1 (y)\r\nAuthorization: Bearer z\r\n"),
              read({{"Accept", "application/json;q=0.5"},
                    {"Accept-Language", "de"},
                    {"Accept-Charset", "utf-8"},
                    {"User-Agent", "x/1 (y)"},
                    {"Authorization", "Bearer z"}}));
  s.forwarded("codings_of_a_guarded_read", get("Accept-Encoding: gzip, br\r\n"),
              read({{"Accept-Encoding", "identity"}}), "one representation, one tag");
  s.forwarded("codings_of_a_bypass_route", get_pass("Accept-Encoding: gzip, br\r\n"),
              passed({{"Accept-Encoding", "gzip, br"}}));
  s.forwarded(
      "of_a_guarded_write",
      put("Accept: a/b\r\nAccept-Encoding: gzip\r\nPrefer: return=minimal\r\n"
          "Content-Length: 2\r\n",
          "{}"),
      {.method = "GET",
       .target = "/doc/a",
       .with = {{"Accept", "a/b"}, {"Accept-Encoding", "identity"}, {"Cache-Control", "no-cache"}},
       .without = {"Prefer", "Content-Length"}},
      "the probe asks as the writer does, for no coding and past every cache");
  s.rows.back().arrivals.push_back(
      {.method = "PUT",
       .target = "/doc/a",
       .content = "{}",
       .with = {{"Accept", "a/b"}, {"Accept-Encoding", "gzip"}, {"Prefer", "return=minimal"}}});
  return s;
}

RequestSection conditions_and_ranges() {
  RequestSection s{"rfc9110_13_14_conditions_and_ranges", {}};
  const std::string conditions =
      "If-Match: *\r\nIf-None-Match: \"a\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  const std::string range = "Range: bytes=0-0\r\nIf-Range: \"a\"\r\n";
  const std::vector<std::string> ours = {
      "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range", "If-Range"};
  s.forwarded("of_a_guarded_read", get(conditions + range), read({}, ours),
              "we are the origin for validators, so we evaluate them");
  s.forwarded("of_a_bypass_route", get_pass(conditions + range),
              passed({{"If-Match", "*"},
                      {"If-None-Match", "\"a\""},
                      {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"},
                      {"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"},
                      {"Range", "bytes=0-0"},
                      {"If-Range", "\"a\""}}));
  s.forwarded("of_a_guarded_write",
              put("If-None-Match: \"a\"\r\n" + range + "Content-Length: 0\r\n"), read({}, ours));
  s.rows.back().arrivals.push_back({.method = "PUT", .target = "/doc/a", .without = ours});
  s.forwarded("of_options", request("OPTIONS /doc/a", conditions + range),
              {.method = "OPTIONS", .target = "/doc/a", .without = ours});
  s.forwarded("malformed_dates_mean_nothing", get("If-Modified-Since: yesterday\r\n"), read({}));
  s.forwarded("malformed_range_means_nothing", get("Range: lines=1-2\r\n"), read({}));
  s.rows.push_back(declined("malformed_condition_of_a_read", get("If-None-Match: a\r\n"),
                            {.status = 400, .problem = "bad-condition"}));
  s.rows.push_back(declined("failed_condition_of_a_read", get("If-Match: \"a\"\r\n"),
                            {.status = 412, .problem = "stale-version"}, {read({}, ours)}));
  s.rows.push_back(declined("asterisk_of_a_read", get("If-None-Match: *\r\n"), {.status = 304},
                            {read({}, ours)}));
  // 14.5.
  s.refused("content_range_on_put",
            put("Content-Range: bytes 0-1/2\r\nContent-Length: 2\r\n", "{}"));
  s.refused("content_range_on_put_of_a_bypass_route",
            request("PUT /pass/a", "Content-Range: bytes 0-1/2\r\nContent-Length: 2\r\n", "{}"));
  s.forwarded("content_range_on_patch",
              request("PATCH /pass/a", "Content-Range: bytes 0-1/2\r\nContent-Length: 2\r\n", "{}"),
              {.method = "PATCH",
               .target = "/pass/a",
               .content = "{}",
               .with = {{"Content-Range", "bytes 0-1/2"}}});
  return s;
}

}  // namespace

std::vector<RequestSection> semantics_sections() {
  return {fields(),  routing(),      max_forwards(), representation(),
          methods(), expectations(), negotiation(),  conditions_and_ranges()};
}

}  // namespace ifmatch::conformance
