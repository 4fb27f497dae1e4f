// Reads the section `admin`, and the files that hold secrets.
#include <algorithm>
#include <fstream>

#include "config/reader.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t secret_octets_max = 64 * kib;
constexpr std::size_t token_octets_good = 16;  // below 128 bits a token can be guessed

// What a field can carry as it is (RFC 9110 section 5.5), without blanks.
bool is_visible(char octet) { return octet > ' ' && octet <= '~'; }

}  // namespace

// The message never repeats what the file holds.
std::optional<std::string> Reader::read_secret_file(const Node& node, const std::string& path,
                                                    std::string_view what) {
  const auto fail = [&](const std::string& why, std::string_view help) {
    report_.error("E310", node.place, path,
                  "the " + std::string(what) + " file " + in_quotes(node.text) + " " + why,
                  std::string(help));
    return std::nullopt;
  };
  std::ifstream stream(node.text, std::ios::binary);
  std::string secret;
  if (stream) {
    secret.resize(secret_octets_max + 1);
    stream.read(secret.data(), static_cast<std::streamsize>(secret.size()));
    secret.resize(static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) {
    return fail("cannot be read", "create it, for example: openssl rand -hex 32");
  }
  if (secret.size() > secret_octets_max) return fail("is larger than 64KiB", "32 octets suffice");
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.empty()) return fail("is empty", "fill it, for example: openssl rand -hex 32");
  return secret;
}

void Reader::read_admin(const View& root, Admin& admin) {
  const std::optional<View> view = open(root, "admin");
  if (!view) return;
  check_keys(*view);
  const Node* const address = scalar(*view, "address");
  if (address != nullptr) {
    admin.chosen = Admin::Chosen::by_operator;
    admin.address = address->text;
    if (const Refusal refusal = check_admin_address(address->text)) {
      return refuse(*refusal, *address, join_path(view->path, "address"));
    }
  }
  if (const Node* node = nullable_scalar(*view, "token_file")) {
    admin.token_file = node->text;
    read_token(*node, join_path(view->path, "token_file"), admin);
  } else if (address != nullptr && !is_loopback_or_none(admin.address)) {
    report_.error("E340", address->place, join_path(view->path, "address"),
                  "the admin address " + in_quotes(admin.address) +
                      " can be reached from other machines, and there is no token",
                  "set admin.token_file, or listen on 127.0.0.1");
  }
}

void Reader::read_token(const Node& node, const std::string& path, Admin& admin) {
  std::optional<std::string> token = read_secret_file(node, path, "token");
  if (!token) return;
  if (!std::ranges::all_of(*token, is_visible)) {
    report_.error("E310", node.place, path,
                  "the token in " + in_quotes(node.text) +
                      " has blanks, controls or letters beyond ASCII",
                  "write one line of letters and digits, for example: openssl rand -hex 32");
    return;
  }
  if (token->size() < token_octets_good) {
    report_.warning("W311", node.place, path,
                    "the token in " + in_quotes(node.text) + " is shorter than 16 octets",
                    "a short token can be guessed; for example: openssl rand -hex 32");
  }
  admin.token = std::move(*token);
}

}  // namespace ifmatch::config
