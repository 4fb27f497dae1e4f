// In front of nginx and Apache as file stores over WebDAV: creating, reading, updating and deleting
// a file with conditions that these servers do not see.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/fixture.hpp"
#include "tests/support/servers.hpp"

namespace ifmatch::support {
namespace {

template <typename FileServer>
class WebdavBehind : public ::testing::Test {
 protected:
  Response request(std::string_view method, const Fields& fields = {}, std::string_view body = {}) {
    return request_once(proxy.port(), method, "/order.json", fields, body);
  }

  FileServer api;
  ProxyProcess proxy = ProxyProcess::start_in_front_of(api.url());
};

using FileServers = ::testing::Types<NginxWebdav, ApacheWebdav>;
class FileServerNames {
 public:
  template <typename FileServer>
  static std::string GetName(int) {
    return std::is_same_v<FileServer, NginxWebdav> ? "Nginx" : "Apache";
  }
};
TYPED_TEST_SUITE(WebdavBehind, FileServers, FileServerNames);

TYPED_TEST(WebdavBehind, GuardsTheWholeLifeOfAFile) {
  EXPECT_EQ(this->request("GET").status, 404);
  const Fields create = {{"If-None-Match", "*"}};
  EXPECT_EQ(this->request("PUT", create, R"({"total":10})").status, 201);
  expect_problem(this->request("PUT", create, R"({"total":0})"), 412, "already-exists");

  const Response read = this->request("GET");
  EXPECT_EQ(read.body, R"({"total":10})");
  EXPECT_TRUE(is_our_tag(read.tag())) << read.tag();
  EXPECT_EQ(this->request("GET", {{"If-None-Match", read.tag()}}).status, 304);

  const Fields with_first_tag = {{"If-Match", read.tag()}};
  const int updated = this->request("PUT", with_first_tag, R"({"total":12})").status;
  EXPECT_TRUE(updated == 200 || updated == 204) << updated;
  expect_problem(this->request("PUT", with_first_tag, R"({"total":11})"), 412, "stale-version");
  EXPECT_EQ(this->request("DELETE", with_first_tag).status, 412);

  const Response current = this->request("GET");
  EXPECT_EQ(current.body, R"({"total":12})");
  EXPECT_EQ(this->request("DELETE", {{"If-Match", current.tag()}}).status, 204);
  EXPECT_EQ(this->request("GET").status, 404);
}

TYPED_TEST(WebdavBehind, TellsTwoWritesWithinOneSecondApart) {
  EXPECT_EQ(this->request("PUT", {{"If-None-Match", "*"}}, "[10]").status, 201);
  const std::string first = this->request("GET").tag();
  EXPECT_LT(this->request("PUT", {{"If-Match", first}}, "[12]").status, 300);
  const std::string second = this->request("GET").tag();
  EXPECT_NE(first, second);
  EXPECT_EQ(this->request("PUT", {{"If-Match", first}}, "[11]").status, 412);
  EXPECT_LT(this->request("PUT", {{"If-Match", second}}, "[13]").status, 300);
}

}  // namespace
}  // namespace ifmatch::support
