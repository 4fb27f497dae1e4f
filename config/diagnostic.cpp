#include "config/diagnostic.hpp"

#include <algorithm>
#include <array>

namespace ifmatch::config {
namespace {

constexpr std::size_t quoted_octets_max = 80;  // of a value that is repeated in a message
constexpr std::size_t line_number_width = 5;

bool continues_character(char octet) {
  return (static_cast<unsigned char>(octet) & 0xC0U) == 0x80U;
}

std::string_view name_of(Severity severity) {
  return severity == Severity::error ? "error" : "warning";
}

bool is_control(char octet) {
  return static_cast<unsigned char>(octet) < 0x20U || octet == 0x7F;
}

// Line ends stay: only our own sentences have them.
std::string visible(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char octet) { return is_control(octet) && octet != '\n'; }, '?');
  return out;
}

std::string plural(std::size_t number, std::string_view noun) {
  return std::to_string(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

void append_text(std::string& out, const Diagnostic& diagnostic) {
  out += visible(diagnostic.file);
  if (diagnostic.line > 0) {
    out += ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
  }
  out += ": ";
  out += name_of(diagnostic.severity);
  out += "[" + diagnostic.code + "]: " + visible(diagnostic.message) + "\n";
  if (diagnostic.line > 0 && !diagnostic.source_line.empty()) {
    const std::string number = std::to_string(diagnostic.line);
    const std::size_t width = std::max(line_number_width, number.size());
    out += std::string(width - number.size(), ' ') + number + " | ";
    // A tab has no agreed width; shown as a blank, the caret stands below what it means.
    std::string shown = diagnostic.source_line;
    std::replace(shown.begin(), shown.end(), '\t', ' ');
    out += visible(shown) + "\n" + std::string(width, ' ') + " | ";
    out += std::string(diagnostic.column > 0 ? diagnostic.column - 1 : 0, ' ');
    out += std::string(std::max<std::size_t>(diagnostic.length, 1), '^') + "\n";
  }
  if (!diagnostic.help.empty()) out += "  help: " + visible(diagnostic.help) + "\n";
}

std::string json_string(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (const char octet : text) {
    const auto value = static_cast<unsigned char>(octet);
    if (octet == '"' || octet == '\\') {
      out += '\\';
      out += octet;
    } else if (value < 0x20U) {
      out += "\\u00";
      out += hex[value >> 4U];
      out += hex[value & 0xFU];
    } else {
      out += octet;
    }
  }
  return out + "\"";
}

void append_json(std::string& out, const Diagnostic& diagnostic) {
  out += "{\"file\":" + json_string(diagnostic.file);
  out += ",\"line\":" + std::to_string(diagnostic.line);
  out += ",\"column\":" + std::to_string(diagnostic.column);
  out += ",\"length\":" + std::to_string(diagnostic.length);
  out += ",\"severity\":" + json_string(name_of(diagnostic.severity));
  out += ",\"code\":" + json_string(diagnostic.code);
  out += ",\"key\":" + json_string(diagnostic.key);
  out += ",\"message\":" + json_string(diagnostic.message);
  out += ",\"source\":" + json_string(diagnostic.source_line);
  out += ",\"help\":" + json_string(diagnostic.help) + "}";
}

enum class Part { message, property };

// The workflow commands of GitHub Actions escape '%' and line ends everywhere, and in properties
// the characters that separate them as well.
std::string github_escaped(std::string_view text, Part part) {
  std::string out;
  for (const char octet : text) {
    switch (octet) {
      case '%': out += "%25"; break;
      case '\r': out += "%0D"; break;
      case '\n': out += "%0A"; break;
      case ':': out += part == Part::property ? "%3A" : ":"; break;
      case ',': out += part == Part::property ? "%2C" : ","; break;
      default: out += is_control(octet) ? '?' : octet;
    }
  }
  return out;
}

void append_github(std::string& out, const Diagnostic& diagnostic) {
  out += "::" + std::string(name_of(diagnostic.severity)) + " ";
  out += "file=" + github_escaped(diagnostic.file, Part::property);
  if (diagnostic.line > 0) {
    out += ",line=" + std::to_string(diagnostic.line);
    out += ",col=" + std::to_string(diagnostic.column);
  }
  std::string message = "[" + diagnostic.code + "] " + diagnostic.message;
  if (!diagnostic.help.empty()) message += "\n" + diagnostic.help;
  out += "::" + github_escaped(message, Part::message) + "\n";
}

std::string render_text(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) append_text(out, diagnostic);
  const std::size_t errors = count(diagnostics, Severity::error);
  const std::size_t warnings = count(diagnostics, Severity::warning);
  if (errors > 0) out += plural(errors, "error");
  if (errors > 0 && warnings > 0) out += ", ";
  if (warnings > 0) out += plural(warnings, "warning");
  if (errors + warnings > 0) out += "\n";
  return out;
}

std::string render_json(const std::vector<Diagnostic>& diagnostics) {
  std::string out = "{\"errors\":" + std::to_string(count(diagnostics, Severity::error));
  out += ",\"warnings\":" + std::to_string(count(diagnostics, Severity::warning));
  out += ",\"diagnostics\":[";
  for (std::size_t i = 0; i < diagnostics.size(); ++i) {
    if (i > 0) out += ",";
    append_json(out, diagnostics[i]);
  }
  return out + "]}\n";
}

}  // namespace

std::string render(const std::vector<Diagnostic>& diagnostics, Format format) {
  if (format == Format::text) return render_text(diagnostics);
  if (format == Format::json) return render_json(diagnostics);
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) append_github(out, diagnostic);
  return out;
}

std::size_t count(const std::vector<Diagnostic>& diagnostics, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [severity](const Diagnostic& one) { return one.severity == severity; }));
}

std::string in_quotes(std::string_view text) {
  std::string_view shown = text;
  if (shown.size() > quoted_octets_max) {
    std::size_t end = quoted_octets_max;
    while (end > 0 && continues_character(shown[end])) --end;
    shown = shown.substr(0, end);
  }
  std::string out = "'";
  for (const char octet : shown) out += is_control(octet) ? '?' : octet;
  out += shown.size() < text.size() ? "...'" : "'";
  return out;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

}  // namespace ifmatch::config
