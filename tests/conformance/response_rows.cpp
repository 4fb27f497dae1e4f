// Answers by section of RFC 9112 and RFC 9110.
#include "tests/conformance/response_table.hpp"

namespace ifmatch::conformance {

namespace {

using namespace std::string_literals;

constexpr std::string_view two = "Content-Length: 2\r\n";

std::string answer(std::string_view status_line, std::string_view lines,
                   std::string_view content = {}) {
  return std::string(status_line) + "\r\n" + std::string(lines) + "\r\n" + std::string(content);
}

std::string ok(std::string_view lines, std::string_view content = {}) {
  return answer("HTTP/1.1 200 OK", lines, content);
}

std::string chunks(std::string_view content) {
  return ok("Transfer-Encoding: chunked\r\n", content);
}

ResponseSection status_lines() {
  ResponseSection s{"rfc9112_4_status_line", {}};
  const auto with = [](std::string_view line) { return answer(line, two, "{}"); };
  s.served("plain", with("HTTP/1.1 200 OK"), "{}");
  s.served("empty_reason", with("HTTP/1.1 200 "), "{}");
  s.served("reason_of_words", with("HTTP/1.1 200 It is\tall right"), "{}");
  s.served("reason_beyond_ascii", with("HTTP/1.1 200 \xC3\x84"), "{}");
  s.served("version_1_0", with("HTTP/1.0 200 OK"), "{}", Connection::dropped);
  s.served("version_1_0_kept_alive",
           answer("HTTP/1.0 200 OK", "Connection: keep-alive\r\nContent-Length: 2\r\n", "{}"),
           "{}");
  for (const auto& [name, line] : std::vector<std::pair<std::string, std::string>>{
           {"version_2_0", "HTTP/2.0 200 OK"},
           {"version_0_9", "HTTP/0.9 200 OK"},
           {"version_in_lower_case", "http/1.1 200 OK"},
           {"other_protocol", "ICY 200 OK"},
           {"no_version", "200 OK"},
           {"no_status", "HTTP/1.1 OK"},
           {"status_of_two_digits", "HTTP/1.1 20 OK"},
           {"status_of_four_digits", "HTTP/1.1 2000 OK"},
           {"status_of_letters", "HTTP/1.1 2OO OK"},
           {"negative_status", "HTTP/1.1 -20 OK"},
           {"status_below_100", "HTTP/1.1 099 OK"},
           {"two_spaces", "HTTP/1.1  200 OK"},
           {"space_before", " HTTP/1.1 200 OK"},
           {"tab_between", "HTTP/1.1\t200 OK"},
           {"empty_line_before", "\r\nHTTP/1.1 200 OK"},
           {"request", "GET / HTTP/1.1"},
           {"no_http", "hello"}}) {
    s.malformed(name, with(line));
  }
  s.malformed("lf_behind_status_line", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\n{}",
              Ends::closes);
  return s;
}

ResponseSection field_syntax() {
  ResponseSection s{"rfc9112_5_fields", {}};
  const auto with = [](const std::string& lines) { return ok(lines + std::string(two), "{}"); };
  const auto carries = [&](const std::string& name, const std::string& lines,
                           support::Fields fields) {
    s.served(name, with(lines), "{}");
    for (auto row = s.rows.end() - 4; row != s.rows.end(); ++row) row->with = fields;
  };
  carries("order_of_equal_names", "X-A: 1\r\nX-B: 0\r\nx-a: 2\r\n",
          {{"X-A", "1"}, {"X-A", "2"}, {"X-B", "0"}});
  carries("cookies_stay_apart", "Set-Cookie: a=1, x\r\nSet-Cookie: b=2\r\n",
          {{"Set-Cookie", "a=1, x"}, {"Set-Cookie", "b=2"}});
  carries("obs_text_and_tabs", "X-A: \xE4\t1\r\n", {{"X-A", "\xE4\t1"}});
  carries("empty_value", "X-A:\r\n", {{"X-A", ""}});
  s.malformed("fold", with("X-A: 1\r\n 2\r\n"), Ends::stays_open,
              "a proxy may replace it by spaces or discard the message (section 5.2)");
  s.malformed("fold_before_value", with("X-A:\r\n 2\r\n"));
  s.malformed("fold_of_framing", ok("Content-Length:\r\n 2\r\n", "{}"));
  s.malformed("space_before_colon", with("X-A : 1\r\n"), Ends::stays_open,
              "a proxy is to remove it (section 5.1); to us such a message is not to be trusted");
  s.malformed("space_before_colon_of_framing", ok("Content-Length : 2\r\n", "{}"), Ends::closes);
  s.malformed("no_colon", with("X-A\r\n"));
  s.malformed("empty_name", with(": 1\r\n"));
  s.malformed("name_that_is_no_token", with("X(A: 1\r\n"));
  s.malformed("nul_in_value", with("X-A: 1\0002\r\n"s));
  s.malformed("bare_cr_in_value", with("X-A: 1\r2\r\n"));
  s.malformed("bare_lf_in_value", with("X-A: 1\nX-B: 2\r\n"));
  s.malformed("too_many_octets", with("X-A: " + std::string(70'000, 'a') + "\r\n"));
  std::string many;
  for (int count = 0; count < 300; ++count) many += "X-" + std::to_string(count) + ": 1\r\n";
  s.malformed("too_many_lines", with(many));
  return s;
}

ResponseSection framing() {
  ResponseSection s{"rfc9112_6_framing", {}};
  s.served("length", ok(two, "{}"), "{}");
  s.served("length_of_zero", ok("Content-Length: 0\r\n"), "");
  s.served("length_with_blanks", ok("Content-Length: \t2 \r\n", "{}"), "{}");
  s.served("length_with_zeros", ok("Content-Length: 002\r\n", "{}"), "{}");
  s.served("any_octets", ok("Content-Length: 5\r\n", "\0\r\n\r\xFF"s), "\0\r\n\r\xFF"s);
  s.served("chunked", chunks("2\r\n{}\r\n0\r\n\r\n"), "{}");
  s.served("chunked_in_another_case", ok("transfer-encoding: CHUNKED\r\n", "2\r\n{}\r\n0\r\n\r\n"),
           "{}");
  s.served("until_close", ok("X-A: 1\r\n", "{}"), "{}", Connection::dropped, Ends::closes);
  s.served("until_close_and_empty", ok("X-A: 1\r\n"), "", Connection::dropped, Ends::closes);
  s.served("until_close_of_1_0", answer("HTTP/1.0 200 OK", "X-A: 1\r\n", "{}"), "{}",
           Connection::dropped, Ends::closes);
  const std::string strict = "what another reader would end elsewhere is not trusted (DESIGN)";
  s.malformed("length_and_chunked",
              ok(std::string(two) + "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
              Ends::stays_open, strict);
  s.malformed("chunked_and_length",
              ok("Transfer-Encoding: chunked\r\n" + std::string(two), "2\r\n{}\r\n0\r\n\r\n"),
              Ends::stays_open, strict);
  for (const auto& [name, lines] : std::vector<std::pair<std::string, std::string>>{
           {"two_equal_lengths", "Content-Length: 2\r\nContent-Length: 2\r\n"},
           {"two_lengths", "Content-Length: 2\r\nContent-Length: 3\r\n"},
           {"list_of_equal_lengths", "Content-Length: 2, 2\r\n"},
           {"list_of_lengths", "Content-Length: 2, 3\r\n"},
           {"empty_length", "Content-Length:\r\n"},
           {"length_with_plus", "Content-Length: +2\r\n"},
           {"negative_length", "Content-Length: -2\r\n"},
           {"length_in_hexadecimal", "Content-Length: 0x2\r\n"},
           {"length_of_letters", "Content-Length: two\r\n"},
           {"length_beyond_64_bits", "Content-Length: 18446744073709551618\r\n"},
           {"gzip", "Transfer-Encoding: gzip\r\n"},
           {"identity", "Transfer-Encoding: identity\r\n"},
           {"gzip_then_chunked", "Transfer-Encoding: gzip, chunked\r\n"},
           {"chunked_then_gzip", "Transfer-Encoding: chunked, gzip\r\n"},
           {"chunked_twice", "Transfer-Encoding: chunked, chunked\r\n"},
           {"chunked_on_two_lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
           {"unknown_coding", "Transfer-Encoding: cow\r\n"},
           {"empty_coding", "Transfer-Encoding:\r\n"},
           {"vertical_tab_before_chunked", "Transfer-Encoding:\vchunked\r\n"}}) {
    s.malformed(name, ok(lines, "{}"), Ends::closes, strict);
  }
  s.malformed("chunked_on_1_0",
              answer("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"));
  return s;
}

ResponseSection chunked_coding() {
  ResponseSection s{"rfc9112_7_1_chunked_coding", {}};
  s.served("several_chunks", chunks("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), "{}");
  s.served("no_chunk", chunks("0\r\n\r\n"), "");
  s.served("upper_case_and_zeros", chunks("00A\r\n0123456789\r\n00\r\n\r\n"), "0123456789");
  s.served("extensions", chunks("2;a=b;c=\"d\"\r\n{}\r\n0;e\r\n\r\n"), "{}");
  s.served("trailers_are_no_fields", chunks("2\r\n{}\r\n0\r\nX-Late: 1\r\nETag: \"x\"\r\n\r\n"),
           "{}");
  for (auto row = s.rows.end() - 4; row != s.rows.end(); ++row) row->without = {"X-Late"};
  for (const auto& [name, octets] : std::vector<std::pair<std::string, std::string>>{
           {"size_of_no_digits", "zz\r\n{}\r\n0\r\n\r\n"},
           {"empty_size", "\r\n{}\r\n0\r\n\r\n"},
           {"negative_size", "-2\r\n{}\r\n0\r\n\r\n"},
           {"size_beyond_64_bits", "10000000000000002\r\n{}\r\n0\r\n\r\n"},
           {"longer_than_it_says", "1\r\n{}\r\n0\r\n\r\n"},
           {"no_line_end_behind_data", "2\r\n{}0\r\n\r\n"},
           {"lf_behind_size", "2\n{}\r\n0\r\n\r\n"},
           {"lf_behind_data", "2\r\n{}\n0\r\n\r\n"},
           {"second_chunk_malformed", "2\r\n{}\r\nx\r\n{}\r\n0\r\n\r\n"},
           {"trailer_without_colon", "2\r\n{}\r\n0\r\nX-Late\r\n\r\n"},
           {"trailer_folded", "2\r\n{}\r\n0\r\nX-Late: 1\r\n 2\r\n\r\n"},
           {"length_in_trailer", "2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n"}}) {
    // It comes with the head, which has not been relayed by then.
    s.malformed(name, chunks(octets));
  }
  s.malformed_content("long_trailer", chunks("2\r\n{}\r\n0\r\nX: " + std::string(70'000, 'x') +
                                             "\r\n\r\n"));
  return s;
}

ResponseSection incomplete() {
  ResponseSection s{"rfc9112_8_incomplete_messages", {}};
  s.malformed("half_a_status_line", "HTTP/1.1 2", Ends::closes);
  s.malformed("status_line_alone", "HTTP/1.1 200 OK\r\n", Ends::closes);
  s.malformed("half_a_section", "HTTP/1.1 200 OK\r\nContent-", Ends::closes);
  s.malformed("section_without_its_last_octet", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r",
              Ends::closes);
  s.malformed("interim_answer_alone", "HTTP/1.1 100 Continue\r\n\r\n", Ends::closes);
  s.interim({100});
  s.malformed_content("no_content", ok(two), Ends::closes);
  s.malformed_content("half_the_content", ok(two, "{"), Ends::closes);
  s.malformed_content("half_a_chunk", chunks("2\r\n{"), Ends::closes);
  s.malformed_content("no_last_chunk", chunks("2\r\n{}\r\n"), Ends::closes);
  s.malformed_content("no_end_of_trailers", chunks("2\r\n{}\r\n0\r\n"), Ends::closes);
  // The same, but the connection stays: only time tells.
  s.unfinished("silent_in_status_line", "HTTP/1.1 2", Delivery::whole);
  s.unfinished("silent_behind_interim_answer", "HTTP/1.1 100 Continue\r\n\r\n", Delivery::whole);
  s.interim({100});
  s.unfinished("silent_in_content", ok(two, "{"), Delivery::cut);
  return s;
}

ResponseSection persistence() {
  ResponseSection s{"rfc9112_9_persistence", {}};
  const auto with = [](const std::string& lines) { return ok(lines + std::string(two), "{}"); };
  s.served("keep_alive", with("Connection: keep-alive\r\n"), "{}");
  s.served("unknown_option", with("Connection: x-option\r\n"), "{}");
  s.served("close", with("Connection: close\r\n"), "{}", Connection::dropped);
  s.served("close_among_others", with("Connection: keep-alive, CLOSE\r\n"), "{}",
           Connection::dropped);
  s.served("kept_for_long", with("Keep-Alive: timeout=100\r\n"), "{}");
  s.served("kept_for_no_time", with("Keep-Alive: timeout=0\r\n"), "{}", Connection::dropped);
  s.served("kept_for_too_short_a_time", with("Keep-Alive: timeout=1, max=9\r\n"), "{}",
           Connection::dropped);
  s.served("kept_for_no_further_request", with("Keep-Alive: max=0\r\n"), "{}", Connection::dropped);
  const std::string garbage = "the two sides disagree about where the answer ended";
  s.served("garbage_behind", ok(two, "{}garbage"), "{}", Connection::dropped, Ends::stays_open,
           garbage);
  s.served("line_end_behind", ok(two, "{}\r\n"), "{}", Connection::dropped, Ends::stays_open,
           garbage);
  s.served("answer_behind", ok(two, "{}" + ok("Content-Length: 4\r\n", "evil")), "{}",
           Connection::dropped, Ends::stays_open, garbage);
  s.served("answer_behind_chunks",
           chunks("2\r\n{}\r\n0\r\n\r\n" + ok("Content-Length: 4\r\n", "evil")), "{}",
           Connection::dropped, Ends::stays_open, garbage);
  return s;
}

ResponseSection hops() {
  ResponseSection s{"rfc9110_7_hops", {}};
  s.served("hop_by_hop_fields",
           ok("Connection: X-Hop\r\nX-Hop: 1\r\nX-End: 1\r\nKeep-Alive: timeout=100\r\n"
              "Proxy-Authenticate: Basic\r\nTrailer: X-Late\r\nUpgrade: h2c\r\n" +
                  std::string(two),
              "{}"),
           "{}");
  for (ResponseRow& row : s.rows) {
    row.with = {{"X-End", "1"}};
    row.without = {"X-Hop"};
  }
  s.served("via", ok("Via: 1.0 fred\r\n" + std::string(two), "{}"), "{}");
  for (auto row = s.rows.end() - 4; row != s.rows.end(); ++row) {
    row->with = {{"Via", "1.0 fred"}, {"Via", "1.1 ifmatch"}};
  }
  s.served("date_of_the_api",
           ok("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" + std::string(two), "{}"), "{}");
  for (auto row = s.rows.end() - 4; row != s.rows.end(); ++row) {
    row->with = {{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  }
  // 7.8 and 15.2.2: nobody asked to switch.
  s.malformed("unasked_101", answer("HTTP/1.1 101 Switching Protocols",
                                    "Connection: upgrade\r\nUpgrade: websocket\r\n"));
  s.malformed("unasked_101_and_answer",
              answer("HTTP/1.1 101 Switching Protocols", "Upgrade: x\r\n") + ok(two, "{}"));
  return s;
}

ResponseSection interim() {
  ResponseSection s{"rfc9110_15_2_informational", {}};
  const std::string final_answer = ok(two, "{}");
  s.served("continue", "HTTP/1.1 100 Continue\r\n\r\n" + final_answer, "{}");
  s.interim({100});
  s.served("processing", "HTTP/1.1 102 Processing\r\n\r\n" + final_answer, "{}");
  s.interim({102});
  s.served("early_hints", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + final_answer, "{}");
  s.interim({103});
  s.served("several",
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
           "HTTP/1.1 199 Unknown\r\n\r\n" +
               final_answer,
           "{}");
  s.interim({100, 103, 199});
  s.served("tag_of_an_interim_answer_is_none",
           "HTTP/1.1 103 Early Hints\r\nETag: \"x\"\r\nX-Early: 1\r\n\r\n" + final_answer, "{}");
  s.interim({103});
  for (auto row = s.rows.end() - 4; row != s.rows.end(); ++row) row->without = {"X-Early", "ETag"};
  (s.rows.end() - 4)->without = {"X-Early"};  // the GET has a tag of ours
  s.served("length_is_none_of_its_own",
           "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + final_answer, "{}");
  s.interim({103});
  s.served("length_that_might_be_followed",
           "HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\n" + final_answer, "{}",
           Connection::dropped, Ends::stays_open, "where the final answer ends is in doubt");
  s.interim({103});
  s.malformed("malformed", "HTTP/1.1 103 Early Hints\r\nContent-Length: x\r\n\r\n" + final_answer);
  s.malformed("malformed_final_answer", "HTTP/1.1 100 Continue\r\n\r\nhello\r\n\r\n");
  s.interim({100});
  return s;
}

ResponseSection without_content() {
  ResponseSection s{"rfc9110_15_3_no_content", {}};
  const auto no_content = [](std::string_view lines, std::string_view content = {}) {
    return answer("HTTP/1.1 204 No Content", lines, content);
  };
  s.relayed("204", no_content(""), 204, "");
  s.relayed("204_with_length_of_zero", no_content("Content-Length: 0\r\n"), 204, "");
  s.relayed("204_with_length", no_content("Content-Length: 2\r\n"), 204, "", Connection::dropped);
  s.relayed("204_with_content", no_content("Content-Length: 2\r\n", "{}"), 204, "",
            Connection::dropped);
  s.relayed("204_with_chunks", no_content("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            204, "", Connection::dropped);
  s.relayed("204_with_unannounced_content", no_content("", "{}"), 204, "", Connection::dropped);
  s.malformed("204_with_malformed_length", no_content("Content-Length: x\r\n"));
  for (auto& row : s.rows) row.without = {"Content-Length", "Transfer-Encoding"};
  for (auto row = s.rows.end() - 4; row != s.rows.end(); ++row) row->without.clear();
  s.relayed("205", answer("HTTP/1.1 205 Reset Content", "Content-Length: 0\r\n"), 205, "");
  s.relayed("205_with_content", answer("HTTP/1.1 205 Reset Content", two, "{}"), 205, "{}");
  s.relayed("304_unasked", answer("HTTP/1.1 304 Not Modified", "ETag: \"x\"\r\n"), 304, "");
  s.relayed("304_with_length", answer("HTTP/1.1 304 Not Modified", two), 304, "");
  s.relayed("304_with_content", answer("HTTP/1.1 304 Not Modified", two, "{}"), 304, "",
            Connection::dropped);
  s.malformed("304_with_malformed_length",
              answer("HTTP/1.1 304 Not Modified", "Content-Length: x\r\n"));
  return s;
}

ResponseSection statuses() {
  ResponseSection s{"rfc9110_15_statuses", {}};
  for (const int status :
       {201, 203, 206, 207, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 409, 410,
        412, 416, 418, 422, 428, 429, 451, 499, 500, 501, 502, 503, 504, 505, 511, 519, 520, 599}) {
    s.relayed(
        "of_" + std::to_string(status),
        answer("HTTP/1.1 " + std::to_string(status) + " Such",
               "ETag: \"x\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n" + std::string(two),
               "{}"),
        status, "{}");
  }
  s.relayed("of_202", answer("HTTP/1.1 202 Accepted", two, "{}"), 202, "{}");
  s.rows.back().knows = Knows::in_doubt;
  s.rows.back().remark = "rule 3.4: what was accepted is not yet written";
  s.relayed("of_600", answer("HTTP/1.1 600 Such", two, "{}"), 600, "{}", Connection::used_again,
            Ends::stays_open, "treated like 500 (section 15): an answer of the API itself");
  return s;
}

ResponseSection tags() {
  ResponseSection s{"rfc9110_8_8_validators", {}};
  const std::string validators =
      "ETag: \"x\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccept-Ranges: bytes\r\n" +
      std::string(two);
  s.served("of_the_api", ok(validators, "{}"), "{}");
  (s.rows.end() - 3)->with = {{"ETag", "\"x\""},
                              {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"},
                              {"Accept-Ranges", "bytes"}};
  const auto read = [&s](std::string name, std::string octets, Tag tag, Knows knows,
                         std::string content = "{}") {
    s.rows.push_back({.name = std::move(name),
                      .asked = Asked::get,
                      .octets = std::move(octets),
                      .content = std::move(content),
                      .tag = tag,
                      .knows = knows});
  };
  read("varies_on_everything", ok("Vary: *\r\n" + std::string(two), "{}"), Tag::handed_out,
       Knows::nothing);
  read("varies_on_everything_in_a_list", ok("Vary: Accept, *\r\n" + std::string(two), "{}"),
       Tag::handed_out, Knows::nothing);
  read("varies_on_a_field", ok("Vary: Accept\r\n" + std::string(two), "{}"), Tag::handed_out,
       Knows::version);
  read("came_out_of_a_cache", ok("Age: 0\r\n" + std::string(two), "{}"), Tag::handed_out,
       Knows::nothing);
  read("is_encoded", ok("Content-Encoding: br\r\n" + std::string(two), "{}"), Tag::handed_out,
       Knows::version);
  read("is_partial",
       answer("HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-1/9\r\n" + std::string(two),
              "{}"),
       Tag::none, Knows::nothing);
  s.rows.back().status = 206;
  read("never_ends", ok("Content-Type: text/event-stream\r\n" + std::string(two), "{}"), Tag::none,
       Knows::nothing);
  read("is_as_large_as_allowed", ok("Content-Length: 1024\r\n", std::string(1024, 'x')),
       Tag::handed_out, Knows::version, std::string(1024, 'x'));
  // What is too large streams on without a tag. (So much that it cannot all be there at once.)
  const std::string large(400'000, 'x');
  const std::string length = "Content-Length: " + std::to_string(large.size()) + "\r\n";
  read("is_larger_than_allowed", ok(length, large), Tag::none, Knows::nothing, large);
  read("is_larger_than_allowed_in_chunks", chunks("61a80\r\n" + large + "\r\n0\r\n\r\n"), Tag::none,
       Knows::nothing, large);
  for (const Asked asked : {Asked::post, Asked::put}) {
    s.rows.push_back({.name = asked == Asked::put ? "large_answer_to_put" : "large_answer_to_post",
                      .asked = asked,
                      .octets = ok(length, large),
                      .status = 502,
                      .problem = "body-too-large",
                      .knows = Knows::settled,
                      .remark = "rule 3.2.8: it was applied, and its client is told"});
  }
  return s;
}

ResponseSection heads() {
  ResponseSection s{"rfc9110_9_3_2_head", {}};
  const auto head = [&s](std::string name, Asked asked, std::string octets, support::Fields with,
                         Connection connection = Connection::used_again,
                         Ends ends = Ends::stays_open) {
    const bool guarded = asked == Asked::head;
    s.rows.push_back({.name = std::move(name),
                      .asked = asked,
                      .octets = std::move(octets),
                      .ends = ends,
                      .tag = guarded ? Tag::handed_out : Tag::none,
                      .connection = connection,
                      .knows = guarded ? Knows::version : Knows::nothing,
                      .with = std::move(with)});
  };
  // Guarded, it is answered from a GET, whose content has a tag and a length.
  head("guarded_length", Asked::head, ok(two, "{}"), {{"Content-Length", "2"}});
  head("guarded_chunks", Asked::head, chunks("2\r\n{}\r\n0\r\n\r\n"), {{"Content-Length", "2"}});
  head("guarded_until_close", Asked::head, ok("X: 1\r\n", "{}"), {{"Content-Length", "2"}},
       Connection::dropped, Ends::closes);
  head("guarded_and_large", Asked::head, ok("Content-Length: 2000\r\n", std::string(2000, 'x')),
       {{"Content-Length", "2000"}});
  // Elsewhere it is handed on, and its answer has no content whatever it says.
  head("length", Asked::bypass_head, ok(two), {{"Content-Length", "2"}});
  head("chunks", Asked::bypass_head, ok("Transfer-Encoding: chunked\r\n"), {});
  head("nothing_said", Asked::bypass_head, ok("X: 1\r\n"), {{"X", "1"}});
  head("content_all_the_same", Asked::bypass_head, ok(two, "{}"), {{"Content-Length", "2"}},
       Connection::dropped);
  for (const auto& [name, lines] : std::vector<std::pair<std::string, std::string>>{
           {"two_lengths", "Content-Length: 2\r\nContent-Length: 3\r\n"},
           {"length_and_chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"}}) {
    s.rows.push_back({.name = name,
                      .asked = Asked::bypass_head,
                      .octets = ok(lines),
                      .status = 502,
                      .problem = "of a HEAD",
                      .connection = Connection::dropped});
  }
  return s;
}

}  // namespace

std::vector<ResponseSection> response_sections() {
  return {status_lines(),    field_syntax(), framing(), chunked_coding(), incomplete(),
          persistence(),     hops(),         heads(),   tags(),           interim(),
          without_content(), statuses()};
}

}  // namespace ifmatch::conformance
