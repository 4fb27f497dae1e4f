#include "proxy/http/upgrade.hpp"

namespace ifmatch::http {
namespace {

// `websocket` and nothing else, however many lines there are.
bool names_websocket_alone(const Fields& fields) noexcept {
  if (fields.count(FieldId::upgrade) != 1) return false;
  return equals_ignoring_case(trimmed(fields.first(FieldId::upgrade)), "websocket") &&
         lists(fields, FieldId::connection, "upgrade");
}

}  // namespace

bool offers_websocket(const RequestHead& head, const ContentFraming& framing) noexcept {
  const Fields& fields = head.fields;
  if (!fields.has(FieldId::upgrade)) return false;
  const bool empty = framing.kind == Framing::none ||
                     (framing.kind == Framing::length && framing.length == 0);
  return head.method == "GET" && head.minor_version >= 1 && empty &&
         names_websocket_alone(fields) && fields.count("Sec-WebSocket-Key") == 1 &&
         fields.count("Sec-WebSocket-Version") == 1;
}

bool switches_to_websocket(const ResponseHead& head) noexcept {
  const Fields& fields = head.fields;
  return names_websocket_alone(fields) && !fields.has(FieldId::content_length) &&
         !fields.has(FieldId::transfer_encoding);
}

}  // namespace ifmatch::http
