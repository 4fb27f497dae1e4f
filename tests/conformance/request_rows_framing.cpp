// RFC 9112, sections 6 to 11: framing, chunks, incomplete messages, persistence and smuggling.
#include "tests/conformance/request_table.hpp"

namespace ifmatch::conformance {

namespace {

using namespace std::string_literals;

constexpr std::string_view chunked = "Transfer-Encoding: chunked\r\n";
constexpr std::string_view two_chunks = "2\r\n{}\r\n0\r\n\r\n";

std::string chunked_post(std::string_view content) {
  return post(chunked, content);
}
std::string chunked_pass(std::string_view content) {
  return pass(chunked, content);
}

Arrival posted(std::string content) {
  return {.method = "POST", .target = "/doc/a", .content = std::move(content)};
}

// A POST without any content says so (RFC 9110 section 8.6).
Arrival posted_nothing() {
  return {.method = "POST", .target = "/doc/a", .with = {{"Content-Length", "0"}}};
}

RequestSection transfer_encoding() {
  RequestSection s{"rfc9112_6_1_transfer_encoding", {}};
  s.forwarded("chunked_held", chunked_post(two_chunks),
              {.method = "POST",
               .target = "/doc/a",
               .content = "{}",
               .with = {{"Content-Length", "2"}},
               .without = {"Transfer-Encoding"}});
  s.forwarded("chunked_streamed", chunked_pass(two_chunks),
              {.method = "POST",
               .target = "/pass/a",
               .content = "{}",
               .with = {{"Transfer-Encoding", "chunked"}},
               .without = {"Content-Length"}});
  s.forwarded("upper_case", post("TRANSFER-ENCODING: CHUNKED\r\n", two_chunks), posted("{}"));
  s.forwarded("blanks_around", post("Transfer-Encoding:\t chunked \r\n", two_chunks), posted("{}"));
  s.forwarded("no_blank", post("Transfer-Encoding:chunked\r\n", two_chunks), posted("{}"));
  const std::string only_once =
      "what another reader would end elsewhere is refused (DESIGN: one "
      "chunked, alone)";
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"gzip", "gzip"},
           {"identity", "identity"},
           {"unknown", "cow"},
           {"gzip_then_chunked", "gzip, chunked"},
           {"chunked_then_gzip", "chunked, gzip"},
           {"chunked_then_identity", "chunked, identity"},
           {"identity_then_chunked", "identity, chunked"},
           {"chunked_twice", "chunked, chunked"},
           {"empty_element_before", ",chunked"},
           {"empty_element_behind", "chunked,"},
           {"parameter", "chunked;q=1"},
           {"quoted", "\"chunked\""},
           {"empty", ""},
           {"prefix", "chunke"},
           {"suffix", "chunkedd"},
           {"prefixed", "xchunked"},
           {"vertical_tab", "\vchunked"},
           {"form_feed_behind", "chunked\f"},
           {"nul_behind", "chunked\0"s},
           {"no_break_space",
            "\xA0"
            "chunked"},
           {"two_words", "chunked chunked"}}) {
    s.refused(name, post("Transfer-Encoding: " + value + "\r\n", two_chunks), 400, "bad-request",
              only_once);
  }
  s.refused("on_two_lines", post(std::string(chunked) + std::string(chunked), two_chunks));
  s.refused("and_identity_on_two_lines",
            post(std::string(chunked) + "Transfer-Encoding: identity\r\n", two_chunks));
  s.refused("on_1_0", "POST /doc/a HTTP/1.0\r\nHost: api.test\r\n" + std::string(chunked) + "\r\n" +
                          std::string(two_chunks));
  return s;
}

RequestSection content_length() {
  RequestSection s{"rfc9112_6_2_content_length", {}};
  s.forwarded(
      "held", post("Content-Length: 2\r\n", "{}"),
      {.method = "POST", .target = "/doc/a", .content = "{}", .with = {{"Content-Length", "2"}}});
  s.forwarded(
      "streamed", pass("Content-Length: 2\r\n", "{}"),
      {.method = "POST", .target = "/pass/a", .content = "{}", .with = {{"Content-Length", "2"}}});
  s.forwarded("zero", post("Content-Length: 0\r\n"), posted_nothing());
  s.forwarded("leading_zeros", post("Content-Length: 0002\r\n", "{}"), posted("{}"));
  s.forwarded("blanks_around", post("Content-Length: \t2\t \r\n", "{}"), posted("{}"));
  s.forwarded("any_octets", post("Content-Length: 6\r\n", "\0\r\n\r\n\xFF"s),
              posted("\0\r\n\r\n\xFF"s));
  s.forwarded("content_like_a_request",
              post("Content-Length: " + std::to_string(smuggled.size()) + "\r\n", smuggled),
              posted(std::string(smuggled)));
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"empty", ""},
           {"plus", "+2"},
           {"minus", "-2"},
           {"minus_zero", "-0"},
           {"hexadecimal", "0x2"},
           {"fraction", "2.0"},
           {"exponent", "2e0"},
           {"thousands", "1,000"},
           {"underscore", "1_0"},
           {"blank_inside", "2 2"},
           {"semicolon", "2;"},
           {"quoted", "\"2\""},
           {"letters", "two"},
           {"arabic_digits", "\xD9\xA2"},
           {"beyond_64_bits", "18446744073709551618"},
           {"beyond_32_bits_wrapped", "-4294967294"}}) {
    s.refused(name, post("Content-Length: " + value + "\r\n", "{}"));
  }
  const std::string lists = "a recipient MAY take equal ones for one; we never do (DESIGN)";
  s.refused("list_of_equals", post("Content-Length: 2, 2\r\n", "{}"), 400, "bad-request", lists);
  s.refused("two_equal_lines", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), 400,
            "bad-request", lists);
  s.refused("list_of_different", post("Content-Length: 2, 3\r\n", "{}"));
  s.refused("two_different_lines", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"));
  s.refused("list_with_empty_element", post("Content-Length: 2,\r\n", "{}"));
  s.refused("on_a_get_as_list", get("Content-Length: 0, 0\r\n"));
  s.refused("too_large", post("Content-Length: 2000\r\n", std::string(2000, 'x')), 413,
            "body-too-large");
  s.rows.back().after = After::open;  // little enough to be read and dropped
  s.refused("far_too_large", post("Content-Length: 999999999999\r\n", "{}"), 413, "body-too-large");
  return s;
}

RequestSection body_length() {
  RequestSection s{"rfc9112_6_3_message_body_length", {}};
  const std::string both = "Transfer-Encoding would win (rule 3); a server MAY refuse, we do";
  s.refused(
      "length_then_chunked",
      post("Content-Length: 5\r\n" + std::string(chunked), "0\r\n\r\n" + std::string(smuggled)),
      400, "bad-request", both);
  s.refused("chunked_then_length",
            post(std::string(chunked) + "Content-Length: 12\r\n", two_chunks), 400, "bad-request",
            both);
  s.refused("length_of_zero_and_chunked",
            post("Content-Length: 0\r\n" + std::string(chunked), two_chunks), 400, "bad-request",
            both);
  s.refused("length_and_gzip", post("Content-Length: 2\r\nTransfer-Encoding: gzip\r\n", "{}"));
  s.refused("length_and_identity",
            post("Content-Length: 2\r\nTransfer-Encoding: identity\r\n", "{}"));
  s.refused("chunked_not_last", post("Transfer-Encoding: chunked, gzip\r\n", two_chunks));
  s.refused("invalid_length", post("Content-Length: 2x\r\n", "{}"));
  // Rule 7: a request without either has no content.
  s.forwarded("neither_on_post", post(""), posted_nothing());
  s.served("neither_on_get", get());
  s.forwarded("neither_on_options", request("OPTIONS /doc/a"),
              {.method = "OPTIONS",
               .target = "/doc/a",
               .without = {"Content-Length", "Transfer-Encoding"}});
  s.rows.push_back({.name = "neither_and_octets_behind",
                    .octets = post("", "{}" + std::string(smuggled)),
                    .answers = {{}, {.status = 400, .problem = "bad-request"}},
                    .after = After::closed,
                    .arrivals = {posted_nothing()},
                    .remark = "the octets behind begin the next request, which is none"});
  s.rows.push_back({.name = "shorter_than_what_follows",
                    .octets = post("Content-Length: 1\r\n", "{}\r\n\r\n"),
                    .answers = {{}, {.status = 400, .problem = "bad-request"}},
                    .after = After::closed,
                    .arrivals = {posted("{")}});
  return s;
}

RequestSection chunked_coding() {
  RequestSection s{"rfc9112_7_1_chunked_coding", {}};
  const auto means = [&s](const std::string& name, const std::string& octets,
                          const std::string& content, const std::string& remark = {}) {
    s.forwarded(name + "_held", chunked_post(octets), posted(content), remark);
    s.forwarded(name + "_streamed", chunked_pass(octets),
                {.method = "POST", .target = "/pass/a", .content = content}, remark);
  };
  means("several_chunks", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "{}");
  means("no_chunk", "0\r\n\r\n", "");
  means("several_zeros_at_the_end", "2\r\n{}\r\n000\r\n\r\n", "{}");
  means("lower_case_size", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789");
  means("upper_case_size", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
  means("size_with_zeros", "0000002\r\n{}\r\n0\r\n\r\n", "{}");
  means("line_ends_in_data", "8\r\n\r\n0\r\n\r\n{\r\n0\r\n\r\n", "\r\n0\r\n\r\n{");
  means("extension", "2;a\r\n{}\r\n0\r\n\r\n", "{}");
  means("extension_with_value", "2;a=b;c=d\r\n{}\r\n0\r\n\r\n", "{}");
  means("extension_with_quoted_value", "2;a=\"b;c\\\"\"\r\n{}\r\n0\r\n\r\n", "{}");
  means("extension_of_last_chunk", "2\r\n{}\r\n0;a=b\r\n\r\n", "{}");
  // 7.1.2: trailer fields never become header fields; dropping them is allowed.
  means("trailer", "2\r\n{}\r\n0\r\nX-Late: 1\r\n\r\n", "{}");
  s.rows.push_back({.name = "trailer_of_what_it_may_not_say",
                    .octets = chunked_post("2\r\n{}\r\n0\r\nIf-Match: *\r\nConnection: close\r\n"
                                           "Host: other.test\r\nX-Late: 1\r\n\r\n"),
                    .answers = {{}},
                    .after = After::open,
                    .arrivals = {{.method = "POST",
                                  .target = "/doc/a",
                                  .content = "{}",
                                  .with = {{"Host", "api.test"}, {"Content-Length", "2"}},
                                  .without = {"If-Match", "X-Late"}}}});
  s.rows.push_back({.name = "condition_in_trailer_is_none",
                    .octets = request("PUT /doc/a", chunked, "2\r\n{}\r\n0\r\nIf-Match: *\r\n\r\n"),
                    .answers = {{.status = 412, .problem = "precondition-missing"}},
                    .after = After::closed,
                    .arrivals = {},
                    .remark = "refused before its content was looked at, so the connection ends"});
  const auto refused = [&s](const std::string& name, const std::string& octets, int status = 400,
                            const std::string& problem = "bad-request") {
    s.refused(name + "_held", chunked_post(octets), status, problem);
    s.refused(name + "_streamed", chunked_pass(octets), status, problem);
  };
  refused("size_of_no_digits", "zz\r\n{}\r\n0\r\n\r\n");
  refused("empty_size", "\r\n{}\r\n0\r\n\r\n");
  refused("extension_alone", ";a=b\r\n{}\r\n0\r\n\r\n");
  refused("plus", "+2\r\n{}\r\n0\r\n\r\n");
  refused("minus", "-2\r\n{}\r\n0\r\n\r\n");
  refused("hexadecimal_prefix", "0x2\r\n{}\r\n0\r\n\r\n");
  refused("blank_before_size", " 2\r\n{}\r\n0\r\n\r\n");
  refused("size_beyond_64_bits", "10000000000000002\r\n{}\r\n0\r\n\r\n");
  refused("size_of_many_digits", std::string(40, 'f') + "\r\n{}\r\n0\r\n\r\n");
  refused("size_and_comma", "2,\r\n{}\r\n0\r\n\r\n");
  refused("longer_than_it_says", "1\r\n{}\r\n0\r\n\r\n");
  refused("shorter_than_it_says", "3\r\n{}\r\n0\r\n\r\n");
  refused("no_line_end_behind_data", "2\r\n{}0\r\n\r\n");
  refused("lf_behind_size", "2\n{}\r\n0\r\n\r\n");
  refused("cr_behind_size", "2\r{}\r\n0\r\n\r\n");
  refused("lf_behind_data", "2\r\n{}\n0\r\n\r\n");
  refused("lf_behind_last_chunk", "2\r\n{}\r\n0\n\r\n\r\n");
  refused("length_in_trailer", "2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n");
  refused("coding_in_trailer", "2\r\n{}\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n");
  refused("lf_in_extension", "2;a\n\r\n{}\r\n0\r\n\r\n");
  refused("cr_in_extension", "2;a\rb\r\n{}\r\n0\r\n\r\n");
  refused("nul_in_extension", "2;a\0b\r\n{}\r\n0\r\n\r\n"s);
  refused("trailer_without_colon", "2\r\n{}\r\n0\r\nX-Late\r\n\r\n");
  refused("trailer_with_blank_before_colon", "2\r\n{}\r\n0\r\nX-Late : 1\r\n\r\n");
  refused("trailer_folded", "2\r\n{}\r\n0\r\nX-Late: 1\r\n 2\r\n\r\n");
  refused("trailer_with_bare_lf", "2\r\n{}\r\n0\r\nX-Late: 1\nX-B: 2\r\n\r\n");
  refused("long_extension", "2;a=" + std::string(8000, 'b') + "\r\n{}\r\n0\r\n\r\n", 431,
          "fields-too-large");
  refused("long_trailer", "2\r\n{}\r\n0\r\nX: " + std::string(8000, 'b') + "\r\n\r\n", 431,
          "fields-too-large");
  s.refused("too_large_in_sum",
            chunked_post("300\r\n" + std::string(768, 'x') + "\r\n300\r\n" + std::string(768, 'x') +
                         "\r\n0\r\n\r\n"),
            413, "body-too-large");
  return s;
}

RequestSection incomplete() {
  RequestSection s{"rfc9112_8_incomplete_messages", {}};
  const auto broken_off = [&s](std::string name, std::string octets, std::vector<Answer> answers) {
    s.rows.push_back({.name = std::move(name),
                      .octets = std::move(octets),
                      .answers = std::move(answers),
                      .after = After::closed,
                      .arrivals = {},
                      .remark = "a server MAY answer before it closes",
                      .then = Then::ends_its_side});
  };
  const std::vector<Answer> silent;
  const std::vector<Answer> told = {{.status = 400, .problem = "bad-request"}};
  broken_off("nothing", "", silent);
  broken_off("empty_line_alone", "\r\n", silent);
  broken_off("half_a_request_line", "GET /doc", silent);
  broken_off("request_line_alone", "GET /doc/a HTTP/1.1\r\n", silent);
  broken_off("half_a_section", "GET /doc/a HTTP/1.1\r\nHost: api.test\r\nX", silent);
  broken_off("section_without_empty_line", "GET /doc/a HTTP/1.1\r\nHost: api.test\r\n", silent);
  broken_off("section_without_its_last_octet", "GET /doc/a HTTP/1.1\r\nHost: api.test\r\n\r",
             silent);
  broken_off("no_content_held", post("Content-Length: 2\r\n"), told);
  broken_off("half_the_content_held", post("Content-Length: 2\r\n", "{"), told);
  broken_off("half_the_content_streamed", pass("Content-Length: 2\r\n", "{"), told);
  broken_off("half_the_content_of_a_guarded_write", put("Content-Length: 2\r\n", "{"), told);
  broken_off("chunk_without_its_end_held", chunked_post("2\r\n{}\r\n"), told);
  broken_off("chunk_without_its_end_streamed", chunked_pass("2\r\n{}\r\n"), told);
  broken_off("half_a_chunk_of_a_guarded_write", put(chunked, "2\r\n{"), told);
  broken_off("last_chunk_without_empty_line", chunked_post("2\r\n{}\r\n0\r\n"), told);
  broken_off("last_chunk_without_its_last_octet", chunked_post("2\r\n{}\r\n0\r\n\r"), told);
  broken_off("half_a_trailer", chunked_post("2\r\n{}\r\n0\r\nX-L"), told);
  // Nobody breaks off, the rest just does not come.
  const auto too_slow = [&s](std::string name, std::string octets) {
    s.refused(std::move(name), std::move(octets), 408, "request-timeout");
  };
  too_slow("slow_request_line", "GET /doc");
  too_slow("slow_section", "GET /doc/a HTTP/1.1\r\nHost: api.test\r\nX");
  too_slow("slow_content", post("Content-Length: 2\r\n", "{"));
  too_slow("slow_content_of_a_guarded_write", put("Content-Length: 2\r\n", "{"));
  too_slow("slow_last_chunk", chunked_post("2\r\n{}\r\n0\r\n"));
  return s;
}

RequestSection persistence() {
  RequestSection s{"rfc9112_9_persistence", {}};
  const Arrival read{.method = "GET", .target = "/doc/a"};
  const auto closed = [&](std::string name, std::string octets, std::string remark = {}) {
    s.rows.push_back({.name = std::move(name),
                      .octets = std::move(octets),
                      .answers = {{}},
                      .after = After::closed,
                      .arrivals = {read},
                      .remark = std::move(remark)});
  };
  const std::string http10 = "GET /doc/a HTTP/1.0\r\nHost: api.test\r\n";
  // 9.3.
  s.served("by_default", get());
  s.served("keep_alive", get("Connection: keep-alive\r\n"));
  s.served("unknown_option", get("Connection: x-option\r\n"));
  closed("close", get("Connection: close\r\n"));
  closed("close_in_another_case", get("Connection: CLOSE\r\n"));
  closed("close_among_others", get("Connection: keep-alive, ,close ,x-option\r\n"));
  closed("close_on_a_second_line", get("Connection: keep-alive\r\nConnection: close\r\n"));
  closed("on_1_0", http10 + "\r\n");
  closed("close_on_1_0", http10 + "Connection: keep-alive, close\r\n\r\n");
  s.served("keep_alive_on_1_0", http10 + "Connection: Keep-Alive\r\n\r\n");
  closed("proxy_connection_is_not_connection", http10 + "Proxy-Connection: keep-alive\r\n\r\n");
  s.served("proxy_connection_does_not_close", get("Proxy-Connection: close\r\n"));
  // 9.3.2.
  s.rows.push_back({.name = "pipelined_reads",
                    .octets = get() + get() + get(),
                    .answers = {{}, {}, {}},
                    .after = After::open,
                    .arrivals = {read, read, read}});
  s.rows.push_back(
      {.name = "pipelined_writes",
       .octets = post("Content-Length: 1\r\n", "1") + chunked_post("1\r\n2\r\n0\r\n\r\n") +
                 pass("Content-Length: 1\r\n", "3") + chunked_pass("1\r\n4\r\n0\r\n\r\n") + get(),
       .answers = {{}, {}, {}, {}, {}},
       .after = After::open,
       .arrivals = {posted("1"),
                    posted("2"),
                    {.method = "POST", .target = "/pass/a", .content = "3"},
                    {.method = "POST", .target = "/pass/a", .content = "4"},
                    read}});
  s.rows.push_back({.name = "pipelined_with_empty_lines_between",
                    .octets = get() + "\r\n" + get() + "\r\n\r\n",
                    .answers = {{}, {}},
                    .after = After::open,
                    .arrivals = {read, read}});
  s.rows.push_back({.name = "pipelined_with_a_refusal_between",
                    .octets = get() + request("PUT /doc/a", "Content-Length: 2\r\n", "{}") + get(),
                    .answers = {{}, {.status = 412, .problem = "precondition-missing"}, {}},
                    .after = After::open,
                    .arrivals = {read, read}});
  // 9.6: nothing behind a request that closes, or that is malformed, is looked at.
  closed("pipelined_behind_close", get("Connection: close\r\n") + std::string(smuggled));
  closed("pipelined_behind_1_0", http10 + "\r\n" + std::string(smuggled));
  s.refused("pipelined_behind_malformed", get("X A: 1\r\n") + std::string(smuggled));
  s.refused("pipelined_behind_malformed_framing",
            post("Content-Length: 2x\r\n", "{}") + std::string(smuggled));
  s.refused("pipelined_behind_malformed_chunk", chunked_post("x\r\n") + std::string(smuggled));
  s.refused("pipelined_behind_bad_host",
            "GET /doc/a HTTP/1.1\r\nHost: a b\r\n\r\n" + std::string(smuggled));
  s.refused(
      "pipelined_behind_too_large",
      chunked_post("7d0\r\n" + std::string(2000, 'x') + "\r\n0\r\n\r\n") + std::string(smuggled),
      413, "body-too-large");
  return s;
}

RequestSection smuggling() {
  RequestSection s{"rfc9112_11_2_request_smuggling", {}};
  const std::string hidden(smuggled);
  const std::string chunks_with_hidden = "0\r\n\r\n" + hidden;
  const std::string length_of_chunks =
      "Content-Length: " + std::to_string(chunks_with_hidden.size()) + "\r\n";
  // Each of these lines is Transfer-Encoding to some reader and nothing to another.
  for (const auto& [name, line] : std::vector<std::pair<std::string, std::string>>{
           {"plain", "Transfer-Encoding: chunked\r\n"},
           {"space_before_colon", "Transfer-Encoding : chunked\r\n"},
           {"tab_before_colon", "Transfer-Encoding\t: chunked\r\n"},
           {"tab_behind_colon", "Transfer-Encoding:\tchunked\r\n"},
           {"vertical_tab_behind_colon", "Transfer-Encoding:\vchunked\r\n"},
           {"nul_in_name", "Transfer\0-Encoding: chunked\r\n"s},
           {"underscore", "Transfer_Encoding: chunked\r\n"},
           {"leading_space", " Transfer-Encoding: chunked\r\n"},
           {"folded_value", "Transfer-Encoding:\r\n chunked\r\n"},
           {"folded_into_another", "X-A: 1\r\n Transfer-Encoding: chunked\r\n"},
           {"behind_bare_lf", "X-A: 1\nTransfer-Encoding: chunked\r\n"},
           {"behind_bare_cr", "X-A: 1\rTransfer-Encoding: chunked\r\n"},
           {"lf_in_name", "Transfer-Encoding\n: chunked\r\n"},
           {"cr_behind_value", "Transfer-Encoding: chunked\r\r\n"},
           {"two_with_x", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"},
           {"list_with_x", "Transfer-Encoding: chunked, x\r\n"},
           {"quoted", "Transfer-Encoding: \"chunked\"\r\n"},
           {"unicode_k",
            "Transfer-Encoding: chun\xE2\x84\xAA"
            "ed\r\n"}}) {
    s.refused("length_before_chunked_" + name,
              request("POST /pass/a", length_of_chunks + line, chunks_with_hidden));
    s.refused("length_behind_chunked_" + name,
              request("POST /pass/a", line + length_of_chunks, chunks_with_hidden));
  }
  // The same without Content-Length: what is refused there is refused for what it is here.
  s.refused("chunked_behind_bare_lf_alone",
            request("POST /pass/a", "X-A: 1\nTransfer-Encoding: chunked\r\n", chunks_with_hidden));
  s.refused("two_lengths",
            request("POST /pass/a", "Content-Length: 0\r\n" + length_of_chunks, hidden));
  s.refused("length_behind_bare_lf",
            request("POST /pass/a", "Content-Length: 0\nContent-Length: 9\r\n", hidden));
  // A chunk line that ends in LF to one reader and goes on to another.
  s.refused("chunk_extension_ends_in_lf", chunked_pass("2;\n{}\r\n3e\r\n0\r\n\r\n" + hidden));
  s.refused("chunk_data_ends_in_lf", chunked_pass("2\r\n{}\n0\r\n\r\n" + hidden));
  s.refused("chunk_size_wraps", chunked_pass("100000000\0\r\n"s + hidden));
  // Framing cannot be taken away from the next reader.
  s.refused("connection_nominates_length",
            pass("Connection: Content-Length\r\nContent-Length: 2\r\n", "{}"));
  s.refused("connection_nominates_chunked",
            pass("Connection: Transfer-Encoding\r\n" + std::string(chunked), two_chunks));
  s.refused("connection_nominates_host", get("Connection: Host\r\n"));
  // Whatever one reader ignores because of the method, the other might read as a request.
  s.refused("content_of_a_guarded_get",
            request("GET /doc/a", "Content-Length: " + std::to_string(smuggled.size()) + "\r\n",
                    smuggled),
            400, "bad-request", "content of a GET means nothing (RFC 9110 section 9.3.1)");
  s.rows.back().after = After::open;
  s.refused("chunks_of_a_guarded_get", request("GET /doc/a", chunked, two_chunks), 400,
            "bad-request", "as above");
  s.forwarded("content_of_a_get",
              request("GET /pass/a", "Content-Length: " + std::to_string(smuggled.size()) + "\r\n",
                      smuggled),
              {.method = "GET", .target = "/pass/a", .content = std::string(smuggled)});
  s.forwarded("content_of_a_delete",
              request("DELETE /pass/a",
                      "Content-Length: " + std::to_string(smuggled.size()) + "\r\n", smuggled),
              {.method = "DELETE", .target = "/pass/a", .content = std::string(smuggled)});
  s.forwarded("content_of_options",
              request("OPTIONS /doc/a",
                      "Content-Length: " + std::to_string(smuggled.size()) + "\r\n", smuggled),
              {.method = "OPTIONS", .target = "/doc/a", .content = std::string(smuggled)});
  return s;
}

}  // namespace

std::vector<RequestSection> framing_sections() {
  return {transfer_encoding(), content_length(), body_length(), chunked_coding(),
          incomplete(),        persistence(),    smuggling()};
}

}  // namespace ifmatch::conformance
