// The schema is written from the table of keys: nothing of the table is left out.
#include "config/schema.hpp"

#include <gtest/gtest.h>

#include "config/keys.hpp"

namespace ifmatch::config {
namespace {

TEST(TheSchema, HasEverySectionAndEveryKeyThatIsBuilt) {
  const std::string schema = json_schema();
  for (int index = 0; index <= static_cast<int>(Section::shutdown); ++index) {
    const auto section = static_cast<Section>(index);
    ASSERT_NE(name_of(section), "") << index;
    const std::string title = "    \"" + std::string(name_of(section)) + "\": {\n";
    const std::size_t begin = section == Section::root ? 0 : schema.find(title);
    ASSERT_NE(begin, std::string::npos) << title;
    const std::size_t end = schema.find("\"additionalProperties\": false", begin);
    const std::string part = schema.substr(begin, end - begin);
    for (const KeyRule& rule : keys_of(section)) {
      const bool known = part.find("\"" + std::string(rule.name) + "\": {") != std::string::npos;
      const bool wanted =
          rule.availability == Availability::built || !rule.unwanted.empty();
      EXPECT_EQ(known, wanted) << title << rule.name;
    }
  }
}

}  // namespace
}  // namespace ifmatch::config
