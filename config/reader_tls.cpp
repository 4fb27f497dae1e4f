// The part of the reader that knows `tls`. Whether the files hold what they should is not seen
// here: OpenSSL is not at hand, and Inputs::inspect asks who has it.
#include "config/reader.hpp"

namespace ifmatch::config {
namespace {

// More names than this are better served by several listeners, or a wildcard.
constexpr std::size_t certificates_max = 64;

}  // namespace

const Node* Reader::file_name(const View& view, std::string_view key) {
  const Node* node = nullable_scalar(view, key);
  if (node == nullptr || !node->text.empty()) return node;
  report_.error("E205", node->place, join_path(view.path, key),
                "'" + std::string(key) + "' is empty", "name a PEM file, or write null");
  return nullptr;
}

std::optional<CertificateFiles> Reader::read_certificate(const View& view) {
  const Node* certificate = file_name(view, "certificate");
  const Node* key = file_name(view, "key");
  if (certificate != nullptr && key != nullptr) {
    return CertificateFiles{
        .certificate = certificate->text, .key = key->text, .key_path = view.path};
  }
  if (certificate != nullptr || key != nullptr) {
    const std::string missing = certificate == nullptr ? "certificate" : "key";
    const Node& given = certificate != nullptr ? *certificate : *key;
    report_.error("E103", given.place, join_path(view.path, missing),
                  "'certificate' and 'key' belong together, and there is no '" + missing + "'",
                  "add " + missing + ": FILE.pem");
  }
  return std::nullopt;
}

void Reader::read_listener_tls(const View& view, Listener& listener) {
  check_keys(view);
  const std::size_t errors = report_.errors();
  ListenerTls tls;
  if (std::optional<CertificateFiles> first = read_certificate(view)) {
    tls.certificates.push_back(std::move(*first));
  }
  const std::string list_path = join_path(view.path, "certificates");
  const std::vector<const Node*> items = list(view, "certificates", certificates_max);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const View item{items[i], item_path(list_path, *items[i], i), Section::listener_certificate};
    if (items[i]->kind != Node::Kind::map) {
      report_.error("E201", items[i]->place, item.path, "a certificate must have keys of its own",
                    "write - { certificate: FILE.pem, key: FILE.pem }");
      continue;
    }
    check_keys(item);
    const std::size_t errors_before = report_.errors();
    std::optional<CertificateFiles> files = read_certificate(item);
    if (!files) {
      if (report_.errors() > errors_before) continue;
      report_.error("E103", items[i]->place, join_path(item.path, "certificate"),
                    "an item of 'certificates' is empty",
                    "write - { certificate: FILE.pem, key: FILE.pem }, or remove it");
      continue;
    }
    if (tls.certificates.empty()) {
      // Whoever asks where the first certificate comes from finds it by its short name.
      for (const char* key : {"certificate", "key"}) {
        places_[join_path(view.path, key)] = places_[join_path(item.path, key)];
      }
    }
    tls.certificates.push_back(std::move(*files));
  }
  if (tls.certificates.empty() && report_.errors() == errors) {
    report_.error("E103", view.node->place, join_path(view.path, "certificate"),
                  "'tls' has no certificate", "add certificate: FILE.pem and key: FILE.pem");
  }
  if (const Node* node = file_name(view, "client_ca")) tls.client_ca = node->text;
  if (const Node* node = value_of(view, "client_auth"); node != nullptr && !tls.client_ca) {
    report_.error("E205", node->place, join_path(view.path, "client_auth"),
                  "'client_auth' says nothing without 'client_ca'",
                  "add client_ca: FILE.pem, or remove it");
  }
  read_choice(view, "client_auth", tls.client_auth);
  read_choice(view, "min_version", tls.min_version);
  listener.tls = std::move(tls);
}

void Reader::read_upstream_tls(const View& parent, Upstream& upstream) {
  const Node* node = value_of(parent, "tls");
  if (node == nullptr) return;
  const std::optional<View> view = open(parent, "tls");
  if (!view) return;
  check_keys(*view);
  if (!upstream.has_tls() && !upstream.urls.empty()) {
    report_.error("E205", node->place, view->path, "'tls' says nothing where the url is http://",
                  "write url: https://..., or remove it");
  }
  UpstreamTls& tls = upstream.tls;
  read_boolean(*view, "verify", tls.verify);
  if (const Node* ca = file_name(*view, "ca")) {
    if (!tls.verify) {
      report_.error("E205", ca->place, join_path(view->path, "ca"),
                    "'ca' says nothing with verify: false", "remove one of the two");
    }
    tls.ca = ca->text;
  }
  if (const Node* name = nullable_scalar(*view, "server_name")) {
    const Parsed<std::string> parsed = parse_server_name(name->text);
    if (const auto* problem = std::get_if<Problem>(&parsed)) {
      refuse(*problem, *name, join_path(view->path, "server_name"));
    } else {
      tls.server_name = std::get<std::string>(parsed);
    }
  }
  tls.certificate = read_certificate(*view);
}

}  // namespace ifmatch::config
