// Names what two requests must share to conflict: the folded path, and what a route's `resource:`
// templates add to it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/guard/types.hpp"
#include "proxy/http/fields.hpp"
#include "proxy/http/problem.hpp"
#include "proxy/http/result.hpp"
#include "proxy/http/pattern.hpp"

namespace ifmatch::http {

// Where the parts of a template come from; views that live as long as the call.
struct TemplateInput {
  const Pattern& pattern;
  const Captures& captures;
  std::string_view query;
  const Fields& fields;
  std::string_view host;       // a route_host()
  std::string_view base_path;  // the upstream's
};

// "/v1/orders/{id}", "order:{id}", with {query.id}, {header.x-tenant} and {host}.
class ResourceTemplate {
 public:
  // Unset with a sentence in `error` when the text is no template, or names a capture that the
  // pattern does not have.
  [[nodiscard]] static std::optional<ResourceTemplate> compile(std::string_view text,
                                                               const Pattern& pattern,
                                                               std::string& error);

  // A folded path with the base path in front, or a name. A part that is missing, given twice or
  // empty, and in a path one that would not stay one segment, is refused with bad_request.
  [[nodiscard]] Checked<std::string> resolve(const TemplateInput& input) const;

  [[nodiscard]] bool is_path() const noexcept { return is_path_; }

 private:
  enum class Source { literal, capture, query, header, host };
  struct Part {
    Source source = Source::literal;
    std::string text;        // the literal, the parameter or the field name
    std::size_t capture = 0; // index with Source::capture
  };
  [[nodiscard]] static Checked<std::string> value_of(const Part& part, const TemplateInput& input);

  std::vector<Part> parts_;
  bool is_path_ = false;
};

// The own folded path first, then what the templates add; none is listed twice.
[[nodiscard]] Checked<guard::Resource> resource_of(std::string_view own_folded_path,
                                                   std::span<const ResourceTemplate> templates,
                                                   const TemplateInput& input);

}  // namespace ifmatch::http
