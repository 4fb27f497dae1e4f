// What `resource:` names: the same thing gets the same name, wherever its parts come from.
#include "proxy/http/resource.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;

struct Request {
  std::string_view pattern = "/v1/orders/{id}/items/{item}";
  std::string_view path = "/v1/orders/42/items/7";
  std::string_view query = "";
  testing::Lines lines = {};
  std::string_view base_path = "";
};

std::string resolved(std::string_view text, const Request& request) {
  std::string error;
  const Pattern pattern = *Pattern::compile(request.pattern, error);
  Captures captures;
  EXPECT_TRUE(pattern.matches(request.path, captures));
  const auto compiled = ResourceTemplate::compile(text, pattern, error);
  if (!compiled) return "malformed";
  const Fields fields = fields_of(request.lines);
  const auto name = compiled->resolve({pattern, captures, request.query, fields, "example.org",
                                       request.base_path});
  if (name) return *name;
  EXPECT_EQ(name.error().problem, Problem::bad_request);
  return "refused";
}

TEST(Resources, AreNeverNamedByAHostThatIsAlsoAPartOfThePath) {
  EXPECT_EQ(resolved("h:{host}", {.pattern = "/{host}/a", .path = "/x/a"}), "malformed");
  EXPECT_EQ(resolved("h:{name}", {.pattern = "/{name}/a", .path = "/x/a"}), "h:x");
}

TEST(Resources, AreNamedByTemplates) {
  EXPECT_EQ(resolved("/v1/orders/{id}", {}), "/v1/orders/42");
  EXPECT_EQ(resolved("/V1/Orders/{id}/", {.base_path = "/Api"}), "/api/v1/orders/42");
  EXPECT_EQ(resolved("order:{id}", {}), "order:42");
  EXPECT_EQ(resolved("{host}:{id}:{item}", {}), "example.org:42:7");
  EXPECT_EQ(resolved("order", {}), "order");
  EXPECT_EQ(resolved("/v1/orders/{query.order}", {.query = "a=b&order=X9"}), "/v1/orders/x9");
  EXPECT_EQ(resolved("t:{header.x-tenant}", {.lines = {{"X-Tenant", " Acme "}}}), "t:acme");
}

TEST(Resources, HaveOneNameWhereverThePartComesFrom) {
  const std::string from_path =
      resolved("o:{id}", {.pattern = "/{id}", .path = "/A%20b;x"});
  EXPECT_EQ(from_path, "o:a b");
  EXPECT_EQ(resolved("o:{query.id}", {.query = "id=a+B"}), from_path);
  EXPECT_EQ(resolved("o:{query.id}", {.query = "%69d=%41%20b"}), from_path);
  EXPECT_EQ(resolved("o:{header.id}", {.lines = {{"ID", "a b"}}}), from_path);
}

TEST(Resources, AreRefusedWhenAPartIsMissingOrGivenTwice) {
  EXPECT_EQ(resolved("o:{query.id}", {.query = ""}), "refused");
  EXPECT_EQ(resolved("o:{query.id}", {.query = "id"}), "refused");
  EXPECT_EQ(resolved("o:{query.id}", {.query = "id="}), "refused");
  EXPECT_EQ(resolved("o:{query.id}", {.query = "id=1&id=2"}), "refused");
  EXPECT_EQ(resolved("o:{query.id}", {.query = "id=1;%69d=1"}), "refused");
  EXPECT_EQ(resolved("o:{header.id}", {.lines = {}}), "refused");
  EXPECT_EQ(resolved("o:{header.id}", {.lines = {{"id", ""}}}), "refused");
  EXPECT_EQ(resolved("o:{header.id}", {.lines = {{"id", "1"}, {"ID", "1"}}}), "refused");
}

TEST(Resources, RefuseAValueThatWouldNotStayOneSegment) {
  for (const std::string_view value : {"a%2Fb", "a/b", "..", ".", "%2e%2e", "a%5Cb", "%00", "a%0ab",
                                       "%252F", ";x", "+"}) {
    const std::string query = "id=" + std::string(value);
    EXPECT_EQ(resolved("/o/{query.id}", {.query = query}), "refused") << value;
  }
  for (const std::string_view value : {"a/b", "..", "a\\b", "%2e", "a%2fb"}) {
    EXPECT_EQ(resolved("/o/{header.id}", {.lines = {{"id", value}}}), "refused") << value;
  }
}

TEST(Resources, WithPlainNamesNeverLookLikePaths) {
  EXPECT_EQ(resolved("{query.id}", {.query = "id=/v1/orders"}), "refused");
  EXPECT_EQ(resolved("{query.id}", {.query = "id=%252Fv1"}), "refused");
  EXPECT_EQ(resolved("o:{query.id}", {.query = "id=" + std::string(2000, 'a')}), "refused");
}

TEST(Resources, RefuseTemplatesThatMakeNoSense) {
  for (const std::string_view text : {"", "/o/{nothing}", "o:{", "o:}", "o:{}", "o:{query.}",
                                      "o:{header.}", "o:{header.a b}", "/o//{id}", "/o/../{id}",
                                      "/o/{id} x"}) {
    EXPECT_EQ(resolved(text, {}), "malformed") << text;
  }
}

TEST(Resources, ListTheOwnPathFirstAndNothingTwice) {
  std::string error;
  const Pattern pattern = *Pattern::compile("/v1/orders/{id}/items/{item}", error);
  Captures captures;
  ASSERT_TRUE(pattern.matches("/v1/orders/42/items/7", captures));
  std::vector<ResourceTemplate> templates;
  for (const std::string_view text : {"/v1/orders/{id}", "order:{id}", "/V1/orders/{id}/",
                                      "/v1/orders/{id}/items/{item}", "order:{id}"}) {
    templates.push_back(*ResourceTemplate::compile(text, pattern, error));
  }
  const Fields fields;
  const auto resource = resource_of("/v1/orders/42/items/7", templates,
                                    {pattern, captures, "", fields, "h", ""});
  ASSERT_TRUE(resource);
  EXPECT_EQ(resource->paths,
            (std::vector<std::string>{"/v1/orders/42/items/7", "/v1/orders/42"}));
  EXPECT_EQ(resource->names, std::vector<std::string>{"order:42"});
}

}  // namespace
}  // namespace ifmatch::http
