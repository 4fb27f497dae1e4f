// Addresses, URLs, patterns and names, as tables.
#include "config/syntax.hpp"

#include <gtest/gtest.h>

namespace ifmatch::config {
namespace {

std::string code_of(const Refusal& refusal) { return refusal ? refusal->code : "fine"; }

template <class T>
std::string code_of_parsed(const Parsed<T>& parsed) {
  const auto* problem = std::get_if<Problem>(&parsed);
  return problem != nullptr ? problem->code : "fine";
}

struct Case {
  const char* text;
  const char* code;
};

TEST(ListenAddresses, AreNumericWithAPort) {
  const Case cases[] = {{"127.0.0.1:8080", "fine"},
                        {"0.0.0.0:0", "fine"},
                        {"[::]:8080", "fine"},
                        {"[::1]:65535", "fine"},
                        {":8080", "E206"},
                        {"8080", "E206"},
                        {"localhost:80", "E206"},
                        {"::1:8080", "E206"},
                        {"127.0.0.1", "E206"},
                        {"127.0.0.1:", "E206"},
                        {"127.0.0.1:65536", "E206"},
                        {"127.0.0.1:080", "E206"},
                        {"300.0.0.1:80", "E206"},
                        {"127.1:80", "E206"},
                        {"[127.0.0.1]:80", "E206"},
                        {"[::1", "E206"},
                        {"", "E206"},
                        {"unix:/run/a.sock", "fine"},
                        {"unix:a.sock", "E206"},
                        {"unix:", "E206"},
                        {"unix:/", "E206"},
                        {"unix:/run/", "E206"},
                        {"unix:@abstract", "E206"},
                        {"unix:/run/a b", "E206"},
                        {"unix:/run/a\n", "E206"},
                        {"fd:public", "fine"},
                        {"fd:", "E206"},
                        {"fd:a:b", "E206"},
                        {"fd:a b", "E206"}};
  for (const Case& one : cases)
    EXPECT_EQ(code_of(check_listen_address(one.text)), one.code) << one.text;
}

TEST(ListenAddresses, OfSocketsFitIntoTheKernelsStructure) {
  const std::string fits = "unix:/" + std::string(106, 'a');
  EXPECT_EQ(code_of(check_listen_address(fits)), "fine");
  EXPECT_EQ(code_of(check_listen_address(fits + "a")), "E206");
  EXPECT_EQ(code_of(check_listen_address(std::string_view("unix:/run/a\0b", 13))), "E206");
  const std::string name = "fd:" + std::string(255, 'a');
  EXPECT_EQ(code_of(check_listen_address(name)), "fine");
  EXPECT_EQ(code_of(check_listen_address(name + "a")), "E206");
}

TEST(UpstreamUrls, AreTakenApart) {
  const auto url =
      std::get<UpstreamUrl>(parse_upstream_url("http://API.example.org:3000/base/v1/"));
  EXPECT_EQ(url.host, "api.example.org");
  EXPECT_EQ(url.port, 3000);
  EXPECT_EQ(url.base_path, "/base/v1");
  const auto ipv6 = std::get<UpstreamUrl>(parse_upstream_url("http://[::1]"));
  EXPECT_EQ(ipv6.host, "::1");
  EXPECT_EQ(ipv6.port, 80);
  EXPECT_EQ(ipv6.base_path, "");
  EXPECT_EQ(ipv6.scheme, Scheme::http);
  const auto secure = std::get<UpstreamUrl>(parse_upstream_url("https://A.example/v1"));
  EXPECT_EQ(secure.scheme, Scheme::https);
  EXPECT_EQ(secure.host, "a.example");
  EXPECT_EQ(secure.port, 443);
  EXPECT_EQ(std::get<UpstreamUrl>(parse_upstream_url("https://a:8443")).port, 8443);
  const auto socket = std::get<UpstreamUrl>(parse_upstream_url("unix:/run/Api.sock"));
  EXPECT_EQ(socket.socket, "/run/Api.sock");
  EXPECT_EQ(socket.host, "");
  EXPECT_EQ(socket.base_path, "");
  const auto based = std::get<UpstreamUrl>(parse_upstream_url("unix:/run/api.sock:/base/v1/"));
  EXPECT_EQ(based.socket, "/run/api.sock");
  EXPECT_EQ(based.base_path, "/base/v1");
}

TEST(ServerNames, AreNamesOrAddressesWithoutAPort) {
  const auto name = [](std::string_view text) {
    const Parsed<std::string> parsed = parse_server_name(text);
    const auto* problem = std::get_if<Problem>(&parsed);
    return problem != nullptr ? problem->code : std::get<std::string>(parsed);
  };
  EXPECT_EQ(name("API.example.org"), "api.example.org");
  EXPECT_EQ(name("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(name("::1"), "::1");
  EXPECT_EQ(name("[::1]"), "::1");
  for (const char* wrong : {"", "a:443", "*.example.org", "a b", "10.0.0", "-a", "https://a"}) {
    EXPECT_EQ(name(wrong), "E205") << wrong;
  }
}

TEST(UpstreamUrls, AreRefused) {
  const Case cases[] = {{"unix:", "E207"},
                        {"https://", "E207"},
                        {"https://a:0", "E207"},
                        {"unix:a", "E207"},
                        {"unix:/", "E207"},
                        {"unix:/a/", "E207"},
                        {"unix:/a b", "E207"},
                        {"unix:/a\nb", "E207"},
                        {"unix:/a:", "E207"},
                        {"unix:/a:b", "E207"},
                        {"unix:/a://b", "E207"},
                        {"unix:/a:/b?c", "E207"},
                        {"unix://a:80:/b", "E207"},
                        {"UNIX:/a", "E207"},
                        {"ftp://a", "E207"},
                        {"a:3000", "E207"},
                        {"http://", "E207"},
                        {"http://a:0", "E207"},
                        {"http://a:x", "E207"},
                        {"http://u:p@a", "E207"},
                        {"http://a?x=1", "E207"},
                        {"http://a/#f", "E207"},
                        {"http://a//b", "E207"},
                        {"http://a/../b", "E207"},
                        {"http://a/%2F", "E207"},
                        {"http://1.2.3", "E207"},
                        {"http://-a", "E207"},
                        {"http://[::g]", "E207"},
                        {"http://a b", "E207"},
                        {"", "E207"},
                        {"http://my_service:80", "fine"}};
  for (const Case& one : cases)
    EXPECT_EQ(code_of_parsed(parse_upstream_url(one.text)), one.code) << one.text;
}

TEST(UpstreamUrls, NameNoSocketThatTheSystemCouldNot) {
  const std::string longest = "unix:/" + std::string(106, 'a');
  EXPECT_TRUE(std::holds_alternative<UpstreamUrl>(parse_upstream_url(longest)));
  EXPECT_TRUE(std::holds_alternative<Problem>(parse_upstream_url(longest + "a")));
}

TEST(PathPatterns, AreReadOrRefused) {
  const Case cases[] = {{"/", "fine"},         {"/**", "fine"},       {"/v1/orders/{id}", "fine"},
                        {"/a/{x}/**", "fine"}, {"/a;b=1/@:", "fine"}, {"/a%20b", "fine"},
                        {"", "E211"},          {"a", "E211"},         {"**", "E211"},
                        {"/a/", "E211"},       {"//", "E211"},        {"/a//b", "E211"},
                        {"/./a", "E211"},      {"/a/..", "E211"},     {"/%2E%2E", "E211"},
                        {"/a%2Fb", "E211"},    {"/a%5cb", "E211"},    {"/a%5Cb", "E211"},
                        {"/a%00", "E211"},     {"/a%4", "E211"},      {"/a%zz", "E211"},
                        {"/%41", "E211"},      {"/a%e4", "E211"},     {"/a%E4", "fine"},
                        {"/**/a", "E211"},     {"/*", "E211"},        {"/a*", "E211"},
                        {"/a{id}", "E211"},    {"/{id}a", "E211"},    {"/{}", "E211"},
                        {"/{a}/{a}", "E211"},  {"/{1a}", "E211"},     {"/{a-b}", "E211"},
                        {"/{a}{b}", "E211"},   {"/a?b", "E211"},      {"/a#b", "E211"},
                        {"/a b", "E211"},      {"/\xC3\xA4", "E211"}, {"/{a", "E211"}};
  for (const Case& one : cases)
    EXPECT_EQ(code_of_parsed(parse_path_pattern(one.text)), one.code) << one.text;
  std::string longest;
  for (int i = 0; i < 32; ++i) longest += "/a";
  EXPECT_EQ(code_of_parsed(parse_path_pattern(longest)), "fine");
  EXPECT_EQ(code_of_parsed(parse_path_pattern(longest + "/a")), "E211");
}

TEST(PathPatterns, CoverWhatTheyMatchAltogether) {
  struct Pair {
    const char* earlier;
    const char* later;
    bool covers;
  };
  const Pair cases[] = {
      {"/**", "/", true},         {"/**", "/a/{x}/**", true},   {"/a/**", "/a/b", true},
      {"/a/**", "/a/**", true},   {"/a/**", "/a/{x}/**", true}, {"/a/**", "/a", false},
      {"/a/**", "/b/c", false},   {"/a/{x}", "/a/b", true},     {"/a/{x}", "/a/{y}", true},
      {"/a/b", "/a/{x}", false},  {"/a/{x}", "/a/**", false},   {"/{x}/{y}", "/a/b", true},
      {"/a", "/a", true},         {"/a", "/A", false},          {"/", "/a", false},
      {"/{x}/**", "/a/**", true}, {"/a/{x}/**", "/a/**", false}};
  for (const Pair& one : cases) {
    EXPECT_EQ(covers(std::get<PathPattern>(parse_path_pattern(one.earlier)),
                     std::get<PathPattern>(parse_path_pattern(one.later))),
              one.covers)
        << one.earlier << " and " << one.later;
  }
}

TEST(Hosts, AreReadAndCovered) {
  EXPECT_EQ(std::get<std::string>(parse_host_pattern("*.Example.ORG")), "*.example.org");
  for (const char* text : {"", "a:80", "*a.org", "a.*", "a b", "-a", "http://a"}) {
    EXPECT_EQ(code_of_parsed(parse_host_pattern(text)), "E213") << text;
  }
  EXPECT_TRUE(host_covers("*", "a"));
  EXPECT_TRUE(host_covers("*.a.org", "x.a.org"));
  EXPECT_TRUE(host_covers("*.a.org", "*.b.a.org"));
  EXPECT_FALSE(host_covers("*.a.org", "a.org"));
  EXPECT_FALSE(host_covers("*.a.org", "*"));
  EXPECT_FALSE(host_covers("a", "*"));
}

TEST(ResourceTemplates, MayUseOnlyWhatARequestHas) {
  const auto pattern = std::get<PathPattern>(parse_path_pattern("/v1/{kind}/{id}"));
  const Case cases[] = {{"/v1/orders/{id}", "fine"},
                        {"order:{id}", "fine"},
                        {"all", "fine"},
                        {"{host}/{query.id}", "fine"},
                        {"/{header.x-tenant}/a", "fine"},
                        {"/", "fine"},
                        {"/v1/{idd}", "E212"},
                        {"", "E212"},
                        {"/a/{id", "E212"},
                        {"/a/id}", "E212"},
                        {"/a//b", "E212"},
                        {"/a/../b", "E212"},
                        {"/a/**", "E212"},
                        {"a b", "E212"},
                        {"{query.}", "E212"},
                        {"{header.a b}", "E212"},
                        {"{header.if-match}", "E212"},
                        {"{}", "E212"},
                        {"/a%2F", "E212"}};
  for (const Case& one : cases) {
    EXPECT_EQ(code_of(check_resource_template(one.text, pattern)), one.code) << one.text;
  }
}

TEST(Methods, ThatWriteAreTokensInUpperCase) {
  const Case cases[] = {{"PUT", "fine"},     {"MKCOL", "fine"}, {"VERSION-CONTROL", "fine"},
                        {"put", "E208"},     {"GET", "E208"},   {"HEAD", "E208"},
                        {"OPTIONS", "E208"}, {"TRACE", "E208"}, {"CONNECT", "E208"},
                        {"", "E208"},        {"P T", "E208"},   {"P:T", "E208"}};
  for (const Case& one : cases)
    EXPECT_EQ(code_of(check_unsafe_method(one.text)), one.code) << one.text;
}

TEST(FieldNames, AreTokensAndNotOurs) {
  for (const char* text : {"Accept-Language", "X-Tenant", "cookie"}) {
    EXPECT_EQ(code_of(check_field_name(text, FieldUse::sent_with_probe)), "fine") << text;
  }
  for (const char* text : {"", "*", "a b", "a:", "Connection", "TE", "If-Match", "if-none-match",
                           "Range", "Content-Length", "Host"}) {
    EXPECT_EQ(code_of(check_field_name(text, FieldUse::sent_with_probe)), "E209") << text;
  }
  EXPECT_EQ(code_of(check_field_name("Host", FieldUse::selects_representation)), "fine");
  EXPECT_EQ(code_of(check_field_value("a\r\nb: c")), "E209");
  EXPECT_EQ(code_of(check_field_value("a b")), "fine");
}

TEST(StatusRanges, LieWithinTheServerErrors) {
  const auto range = std::get<StatusRange>(parse_status_range("520-599", {500, 599}));
  EXPECT_EQ(range.first, 520);
  EXPECT_EQ(range.last, 599);
  const Case cases[] = {{"500", "fine"},     {"599", "fine"},     {"499", "E204"}, {"600", "E204"},
                        {"520-510", "E204"}, {"520-600", "E204"}, {"5xx", "E205"}, {"-", "E205"},
                        {"0502", "E202"},    {"520-", "E205"}};
  for (const Case& one : cases)
    EXPECT_EQ(code_of_parsed(parse_status_range(one.text, {500, 599})), one.code) << one.text;
}

TEST(Names, AreLowerCase) {
  const Case cases[] = {{"order", "fine"}, {"a_1-b", "fine"}, {"1", "fine"},  {"", "E210"},
                        {"Order", "E210"}, {"a.b", "E210"},   {"-a", "E210"}, {"a b", "E210"}};
  for (const Case& one : cases) EXPECT_EQ(code_of(check_name(one.text)), one.code) << one.text;
}

}  // namespace
}  // namespace ifmatch::config
