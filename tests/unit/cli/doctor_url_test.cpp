// Which URLs the doctor can visit.
#include <gtest/gtest.h>

#include "proxy/cli/doctor_fetch.hpp"

namespace ifmatch::cli {
namespace {

std::string read(std::string_view text) {
  const auto parsed = parse_doctor_url(text);
  if (const auto* url = std::get_if<DoctorUrl>(&parsed)) {
    return (url->tls ? "https " : "http ") + url->host + " " + url->port + " " + url->authority +
           " " + url->target;
  }
  return "no";
}

TEST(DoctorUrl, IsTakenApart) {
  const std::vector<std::pair<std::string_view, std::string>> cases{
      {"http://a", "http a 80 a /"},
      {"https://a.test/b?c=d#e", "https a.test 443 a.test /b?c=d"},
      {"https://a:8443?x", "https a 8443 a:8443 /?x"},
      {"http://[::1]:80/a", "http ::1 80 [::1]:80 /a"},
      {"http://[::1]", "http ::1 80 [::1] /"},
      {"http://127.0.0.1:65535/a#", "http 127.0.0.1 65535 127.0.0.1:65535 /a"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(read(text), expected) << text;
}

TEST(DoctorUrl, OfAnythingElseIsRefused) {
  for (const std::string_view text :
       {"", "a", "a/b", "ftp://a", "HTTP//a", "http:/a", "http://", "http:///a", "http://:80",
        "http://a:", "http://a:0", "http://a:65536", "http://a:999999", "http://a:8x", "http://a:-1",
        "http://u:p@a", "http://::1/", "http://[::1", "http://[::1]x", "http://a b", "http://a/\r\nX: y",
        "http://a/\tb"}) {
    EXPECT_EQ(read(text), "no") << text;
  }
}

}  // namespace
}  // namespace ifmatch::cli
