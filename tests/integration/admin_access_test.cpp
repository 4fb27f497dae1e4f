// Who gets an answer of the admin server, and who is kept from it: forged hosts, wrong tokens, other
// sites' pages, wrong methods, clients that are slow or send too much.
#include "tests/integration/admin_fixture.hpp"

namespace ifmatch::support {
namespace {

void expect_admin_problem(const Response& response, int status, std::string_view name) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.field("Content-Type"), "application/problem+json");
  EXPECT_EQ(json_member(response.body, "type"), "urn:ifmatch:problem:admin-" + std::string(name));
}

TEST(AdminAccess, AnswersOnlyItsOwnHost) {
  AdminStore server;
  for (const char* const path : {"/metrics", "/livez", "/readyz", "/api/v1/status", "/none"}) {
    expect_admin_problem(server.admin("GET", path, {{"Host", "attacker.example"}}), 403,
                         "wrong-host");
    const int own = server.admin("GET", path, {{"Host", "localhost"}}).status;
    EXPECT_EQ(own, std::string_view(path) == "/none" ? 404 : 200) << path;
  }
  expect_admin_problem(server.admin("POST", "/api/v1/drain", {{"Host", "attacker.example"}}), 403,
                       "wrong-host");
}

// As a balancer asks.
TEST(AdminAccess, AnswersAProbeThatNamesNoHost) {
  AdminStore server;
  for (const auto& [target, status] : {std::pair{"/livez", 200}, {"/readyz", 200},
                                       {"/readyz?verbose", 403}, {"/metrics", 403}}) {
    RawClient client = RawClient::connect(server.admin_port());
    client.send("GET " + std::string(target) + " HTTP/1.0\r\n\r\n");
    EXPECT_EQ(client.read_response().status, status) << target;
  }
}

TEST(AdminAccess, ChangesNothingForAnotherSitesPage) {
  AdminStore server;
  for (const Fields& fields :
       {Fields{{"Origin", "http://attacker.example"}}, Fields{{"Sec-Fetch-Site", "cross-site"}},
        Fields{{"Origin", "null"}}}) {
    for (const char* const path : {"/api/v1/drain", "/api/v1/reload"}) {
      expect_admin_problem(server.admin("POST", path, fields), 403, "cross-site");
    }
  }
  EXPECT_EQ(server.admin("GET", "/readyz").status, 200);
  const Fields own{{"Origin", "http://" + server.admin_address()},
                   {"Sec-Fetch-Site", "same-origin"}};
  EXPECT_EQ(server.admin("POST", "/api/v1/reload", own).status, 200);
}

TEST(AdminAccess, ChangesOnlyByPost) {
  AdminStore server;
  for (const char* const method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    for (const char* const path : {"/api/v1/reload", "/api/v1/drain"}) {
      RawClient client = RawClient::connect(server.admin_port());
      client.send(client.compose(method, path));
      const auto body = std::string_view(method) == "HEAD" ? RawClient::Body::none
                                                           : RawClient::Body::as_framed;
      const Response response = client.read_response(body);
      EXPECT_EQ(response.status, 405) << method << path;
      EXPECT_EQ(response.field("Allow"), "POST");
    }
  }
  for (const char* const path : {"/metrics", "/livez", "/api/v1/status", "/api/v1/decisions"}) {
    const Response response = server.admin("POST", path);
    expect_admin_problem(response, 405, "method-not-allowed");
    EXPECT_EQ(response.field("Allow"), "GET, HEAD");
  }
  EXPECT_EQ(server.admin("GET", "/readyz").status, 200);
}

TEST(AdminAccess, SaysWhatThereIs) {
  AdminStore server;
  for (const char* const path : {"/", "/api/v1", "/api/v1/", "/metrics/", "/api/v1/statu"}) {
    expect_admin_problem(server.admin("GET", path), 404, "not-found");
  }
}

TEST(AdminAccess, WantsTheTokenOnceThereIsOne) {
  TokenProxy server("0.0.0.0");
  const std::uint16_t port = server.proxy.admin_port();
  const auto ask = [&](const char* method, const char* path, const Fields& fields) {
    return request_once(port, method, path, fields);
  };
  const Fields right{{"Authorization", "Bearer 0123456789abcdef0123"}};
  for (const Fields& wrong :
       {Fields{}, Fields{{"Authorization", "Bearer 0123456789abcdef0124"}},
        Fields{{"Authorization", "Basic 0123456789abcdef0123"}}}) {
    for (const char* const path :
         {"/metrics", "/api/v1/status", "/api/v1/hot", "/readyz?verbose", "/none"}) {
      const Response response = ask("GET", path, wrong);
      expect_admin_problem(response, 401, "unauthorized");
      EXPECT_EQ(response.field("WWW-Authenticate"), "Bearer realm=\"ifmatch admin\"");
      EXPECT_EQ(response.body.find("0123456789"), std::string::npos);
    }
    for (const char* const path : {"/api/v1/reload", "/api/v1/drain"}) {
      expect_admin_problem(ask("POST", path, wrong), 401, "unauthorized");
    }
    EXPECT_EQ(ask("GET", "/livez", wrong).status, 200) << "whoever restarts it has no token";
    EXPECT_EQ(ask("GET", "/readyz", wrong).status, 200);
  }
  EXPECT_EQ(ask("GET", "/metrics", right).status, 200);
  EXPECT_EQ(ask("GET", "/readyz?verbose", right).status, 200);
  const Fields remote{{"Authorization", "Bearer 0123456789abcdef0123"}, {"Host", "ifmatch.example"}};
  EXPECT_EQ(ask("GET", "/api/v1/status", remote).status, 200);
  EXPECT_EQ(ask("POST", "/api/v1/reload", right).status, 200);
}

TEST(AdminAccess, IsNotOpenedWithoutAToken) {
  TemporaryFolder folder;
  ProxyConfig config;
  config.upstream_url = "http://127.0.0.1:1";
  const std::string file = folder.write("ifmatch.yaml", config.yaml());
  const Finished finished =
      run_to_end({ifmatch_binary(), "run", "-c", file, "--admin", "0.0.0.0:0"});
  EXPECT_EQ(finished.status, (ExitStatus{78, 0}));
  EXPECT_NE(finished.errors.find("error[E340]"), std::string::npos) << finished.errors;
  EXPECT_NE(finished.errors.find("set admin.token_file"), std::string::npos) << finished.errors;
}

TEST(AdminAccess, KeepsAConnectionAndAnswersHeadLikeGet) {
  AdminStore server;
  RawClient client = RawClient::connect(server.admin_port());
  EXPECT_EQ(client.request("GET", "/livez").body, "ok\n");
  client.send(client.compose("HEAD", "/livez"));
  const Response head = client.read_response(RawClient::Body::none);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Length"), "3");
  client.send(client.compose("GET", "/livez") + client.compose("GET", "/readyz"));
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.request("POST", "/api/v1/reload", {}, "{}").status, 200) << "content is dropped";
  EXPECT_EQ(client.request("GET", "/livez").status, 200);
}

TEST(AdminAccess, TakesLittleContent) {
  AdminStore server;
  for (const auto& [octets, closes] : {std::pair{16 * 1024, false}, {16 * 1024 + 1, true}}) {
    RawClient client = RawClient::connect(server.admin_port());
    const std::string content(static_cast<std::size_t>(octets), 'x');
    const Response response = client.request("POST", "/api/v1/reload", {}, content);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.field("Connection") == "close", closes) << octets;
  }
}

TEST(AdminAccess, EndsConnectionsThatAreNoRequests) {
  AdminStore server;
  const std::vector<std::pair<std::string, int>> cases{
      {"GET /livez HTTP/1.1\r\n\r\n", 400},
      {"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"\x16\x03\x01\x02 no TLS here\r\n\r\n", 400},
      {"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
      {"GET /" + std::string(4'000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414},
      {"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n", 431},
      {"POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
  };
  for (const auto& [octets, status] : cases) {
    RawClient client = RawClient::connect(server.admin_port());
    (void)client.try_send(octets);
    const Response response = client.read_response();
    EXPECT_EQ(response.status, status) << octets.substr(0, 60);
    EXPECT_EQ(response.field("Connection"), "close");
    client.half_close();
    EXPECT_TRUE(client.expect_closed());
  }
  EXPECT_EQ(server.admin("GET", "/readyz").status, 200);
}

TEST(AdminAccess, AnswersThoughManySayNothingOrNeverEnd) {
  AdminStore server;
  std::vector<RawClient> idle;
  for (int client = 0; client < 100; ++client) {
    idle.push_back(RawClient::connect(server.admin_port()));
    if (client % 2 == 0) continue;
    (void)idle.back().try_send(
        "POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
  }
  const auto begin = Clock::now();
  for (int time = 0; time < 3; ++time) EXPECT_EQ(server.admin("GET", "/livez").status, 200);
  EXPECT_LT(Clock::now() - begin, Milliseconds(4'000)) << "sooner than anybody's time is over";
}

TEST(AdminAccess, DropsWhoIsSlowAndServesTheOthers) {
  AdminStore server;
  std::vector<RawClient> slow;
  for (int client = 0; client < 40; ++client) {
    slow.push_back(RawClient::connect(server.admin_port()));
    slow.back().send("GET /livez HT");
  }
  EXPECT_EQ(server.admin("GET", "/livez").status, 200);
  EXPECT_EQ(server.metric("ifmatch_gates_busy"), 0);
  const Response late = slow.front().read_response();
  EXPECT_EQ(late.status, 408);
  for (RawClient& client : slow) client.half_close();
  for (std::size_t client = 1; client < slow.size(); ++client) {
    EXPECT_EQ(slow[client].read_response().status / 100, 4);
  }
}

}  // namespace
}  // namespace ifmatch::support
