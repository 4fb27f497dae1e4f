// Certificates and keys that cannot be used: `validate` and `run` say which, where it is named and
// what to do, and nothing is served.
#include "tests/integration/tls_fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr ExitStatus success{0, 0};
constexpr ExitStatus wrong_configuration{78, 0};

class TlsFiles : public ::testing::Test {
 protected:
  // A file whose line 3 has the keys of a listener's `tls`, and line 5 those of an upstream's.
  [[nodiscard]] std::string file(const std::string& listener,
                                 const std::string& upstream = "verify: true") const {
    return authority.folder().write(
        "ifmatch.yaml",
        "version: 1\nlisteners:\n  - { address: \"127.0.0.1:0\", tls: { " + listener +
            " } }\nupstreams:\n  api: { url: \"https://127.0.0.1:1\", tls: { " + upstream +
            " } }\nroutes:\n  - { name: all, match: { path: \"/**\" }, upstream: api }\n"
            "state_dir: none\n");
  }
  [[nodiscard]] static Finished ifmatch(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), ifmatch_binary());
    return run_to_end(std::move(arguments));
  }
  // Both commands refuse it with these words, at this line.
  void expect_refused(const std::string& yaml, const std::string& place, const std::string& told) {
    const Finished validated = ifmatch({"validate", "-c", yaml});
    EXPECT_EQ(validated.status, wrong_configuration) << validated.output;
    EXPECT_NE(validated.output.find(place), std::string::npos) << validated.output;
    EXPECT_NE(validated.output.find(told), std::string::npos) << validated.output;
    EXPECT_NE(validated.output.find("1 error"), std::string::npos) << validated.output;
    const Finished run = ifmatch({"run", "-c", yaml});
    EXPECT_EQ(run.status, wrong_configuration);
    EXPECT_NE(run.errors.find(told), std::string::npos) << run.errors;
    EXPECT_EQ(run.errors.find("ready"), std::string::npos) << run.errors;
  }

  Authority authority;
  const Certificate good = authority.issue();
  const Certificate other = authority.issue({"other", {"DNS:other.example"}});
};

TEST_F(TlsFiles, AreValidWhenTheyBelongTogether) {
  const std::string yaml = file(keys_of(good) + ", client_ca: \"" + authority.file() + "\"",
                                "ca: \"" + authority.file() + "\", " + keys_of(other));
  const Finished validated = ifmatch({"validate", "--strict", "-c", yaml});
  EXPECT_EQ(validated.status, success) << validated.output;
  EXPECT_EQ(validated.output, "the configuration is valid\n");
}

TEST_F(TlsFiles, AreRefusedWhereTheyAreNamed) {
  const std::string trash = authority.folder().write("trash.pem", "no PEM\n");
  const std::string broken = authority.folder().write(
      "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const auto listener = [&](const std::string& certificate, const std::string& key) {
    return file(keys_of({certificate, key}));
  };
  expect_refused(listener(good.certificate, other.key), ":3:", "does not belong to the certificate");
  expect_refused(listener(good.certificate, authority.encrypted_key(good)), ":3:", "is encrypted");
  expect_refused(listener("/nowhere.pem", good.key), ":3:",
                 "'/nowhere.pem' cannot be read: No such file or directory");
  expect_refused(listener(good.certificate, "/nowhere.key"), ":3:", "cannot be read");
  expect_refused(listener(trash, good.key), ":3:", "holds no certificate in PEM");
  expect_refused(listener(broken, good.key), ":3:", "holds no certificate in PEM");
  expect_refused(listener(good.certificate, trash), ":3:", "holds no private key in PEM");
  expect_refused(listener(good.key, good.key), ":3:", "holds no certificate in PEM");
  expect_refused(file(keys_of(good) + ", client_ca: " + trash), ":3:", "the CA file");
  expect_refused(file(keys_of(good) + ", certificates: [{ " +
                      keys_of({other.certificate, good.key}) + " }]"),
                 ":3:", "does not belong to the certificate");
  expect_refused(file(keys_of(good), "ca: /nowhere.pem"), ":5:", "the CA file '/nowhere.pem'");
  expect_refused(file(keys_of(good), keys_of({other.certificate, good.key})), ":5:",
                 "does not belong to the certificate");
}

TEST_F(TlsFiles, AreShownInTheSourceLine) {
  const Finished validated = ifmatch(
      {"validate", "-c", file("certificate: \"" + good.certificate + "\", key: /nowhere.key")});
  const std::size_t column = std::string("  - { address: \"127.0.0.1:0\", tls: { ").size() +
                             std::string("certificate: \"\", key: ").size() +
                             good.certificate.size() + 1;
  EXPECT_NE(validated.output.find(":3:" + std::to_string(column) + ": error[E330]"),
            std::string::npos)
      << validated.output;
  EXPECT_NE(validated.output.find("^^^^^^^^^^^^"), std::string::npos) << validated.output;
}

TEST_F(TlsFiles, ThatAreTooOldAreAWarning) {
  const Certificate late = authority.issue({"late", {"DNS:localhost"}, Validity::expired});
  const std::string yaml = file(keys_of(late));
  const Finished validated = ifmatch({"validate", "-c", yaml});
  EXPECT_EQ(validated.status, success);
  EXPECT_NE(validated.output.find("warning[W334]"), std::string::npos) << validated.output;
  EXPECT_EQ(ifmatch({"validate", "--strict", "-c", yaml}).status, wrong_configuration);
}

TEST_F(TlsFiles, UnverifiedUpstreamIsAWarning) {
  const Finished validated = ifmatch({"validate", "-c", file(keys_of(good), "verify: false")});
  EXPECT_EQ(validated.status, success);
  EXPECT_NE(validated.output.find("warning[W335]"), std::string::npos) << validated.output;
}

TEST_F(TlsFiles, NeedNotBeReadToAnswerAQuestion) {
  const std::string yaml = file(keys_of({"/nowhere.pem", "/nowhere.key"}));
  EXPECT_EQ(ifmatch({"config", "show", "-c", yaml}).status, success);
  const Finished explained = ifmatch({"explain", "-c", yaml, "GET", "/a"});
  EXPECT_EQ(explained.status, success) << explained.errors;
  EXPECT_NE(explained.output.find("https://127.0.0.1:1/a"), std::string::npos) << explained.output;
}

}  // namespace
}  // namespace ifmatch::support
