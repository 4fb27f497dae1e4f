#include "proxy/admin/build_info.hpp"

#include "ifmatch_commit.hpp"

namespace ifmatch::admin {

std::string_view build_commit() noexcept { return IFMATCH_COMMIT; }

}  // namespace ifmatch::admin
