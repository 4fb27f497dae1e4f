// How findings are printed: the shape that people read and that scripts depend on.
#include "config/diagnostic.hpp"

#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

Diagnostic unknown_key() {
  return {"ifmatch.yaml",
          47,
          5,
          9,
          Severity::error,
          "E101",
          "routes.order.on_mising",
          "unknown key 'on_mising' in routes.order",
          "    on_mising: 428",
          "did you mean 'on_missing'? allowed here: match"};
}

TEST(Diagnostics, TextShowsTheLineACaretAndACount) {
  EXPECT_EQ(render({unknown_key()}, Format::text),
            "ifmatch.yaml:47:5: error[E101]: unknown key 'on_mising' in routes.order\n"
            "   47 |     on_mising: 428\n"
            "      |     ^^^^^^^^^\n"
            "  help: did you mean 'on_missing'? allowed here: match\n"
            "1 error\n");
}

TEST(Diagnostics, TextCountsErrorsAndWarningsApart) {
  Diagnostic warning = unknown_key();
  warning.severity = Severity::warning;
  const std::string text = render({unknown_key(), unknown_key(), warning}, Format::text);
  EXPECT_TRUE(text.ends_with("\n2 errors, 1 warning\n")) << text;
  EXPECT_EQ(render({}, Format::text), "");
}

TEST(Diagnostics, TextWithoutAPlaceNamesTheFileAlone) {
  Diagnostic whole = unknown_key();
  whole.line = 0;
  whole.help = "";
  EXPECT_EQ(render({whole}, Format::text),
            "ifmatch.yaml: error[E101]: unknown key 'on_mising' in routes.order\n1 error\n");
}

TEST(Diagnostics, JsonEscapesWhatAFileMayHold) {
  Diagnostic one = unknown_key();
  one.message = "a \"quote\", a \\ and a\nline";
  const std::string json = render({one}, Format::json);
  EXPECT_NE(json.find(R"("message":"a \"quote\", a \\ and a\u000aline")"), std::string::npos)
      << json;
  EXPECT_TRUE(json.starts_with(R"({"errors":1,"warnings":0,"diagnostics":[{"file":"ifmatch.yaml",)"
                               R"("line":47,"column":5,"length":9,"severity":"error")"))
      << json;
  EXPECT_EQ(render({}, Format::json), "{\"errors\":0,\"warnings\":0,\"diagnostics\":[]}\n");
}

TEST(Diagnostics, GithubEscapesItsOwnSeparators) {
  Diagnostic one = unknown_key();
  one.file = "a,b:c.yaml";
  one.message = "100% wrong";
  one.help = "";
  EXPECT_EQ(render({one}, Format::github),
            "::error file=a%2Cb%3Ac.yaml,line=47,col=5::[E101] 100%25 wrong\n");
}

TEST(Diagnostics, ColumnsCountCharactersNotOctets) {
  const LoadResult result =
      load_text(with_route("x-a: { ä: 1 }\nlog: { format: jsön, levl: 1 }\n"));
  EXPECT_EQ(findings(result), (std::vector<std::string>{"10:16 E205", "10:22 E101"}));
  EXPECT_EQ(result.diagnostics.at(0).length, 4U);
}

TEST(Diagnostics, TheLineThatIsShownCannotSteerTheTerminal) {
  const LoadResult result = load_text("version: 1\nu\x1b[31mp: 1\n");
  EXPECT_NE(told(result).find("    2 | u?[31mp: 1\n"), std::string::npos) << told(result);
  Diagnostic one = unknown_key();
  one.file = one.message = one.help = one.source_line = "a\x1b[31m\x7F";
  for (const Format format : {Format::text, Format::github}) {
    EXPECT_EQ(render({one}, format).find_first_of("\x1b\x7F"), std::string::npos);
  }
}

TEST(Diagnostics, AValueCannotSteerTheTerminal) {
  EXPECT_EQ(in_quotes("a\x1b[31mb"), "'a?[31mb'");
  EXPECT_LT(in_quotes(std::string(1000, 'x')).size(), 100U);
}

}  // namespace
}  // namespace ifmatch::config
