// Switches that turn off single rules of the shell around the engine, as guard::Rules does for the
// engine's own. All on but in negative controls, which must then find what is lost without them.
#pragma once

namespace ifmatch::simulation {

struct ShellRules {
  bool aged_answers_not_recorded = true;      // 3.1.3: off, what a cache answers teaches, too
  bool known_since_the_beginning = true;      // 3.1.3: off, as of the end of a read or a probe
  bool views_kept_apart = true;               // 3.2.3: an entry decides for its own viewer only
  bool probes_as_the_writer = true;           // 3.2.3: off, with the credentials of another user
  bool forwarded_once = true;                 // 3.2.7: off, what may have failed is sent again
  bool preconditions_stay_here = true;        // 3.2.7: off, the API evaluates our tags itself
  bool conditional_posts_are_guarded = true;  // 3.2.10: off, a POST is a creation, whatever it says
  bool serialised_hold_exclusively = true;    // 3.3.1: off, `serialize` changes nothing
  bool resource_adds_gates = true;            // 3.3.1: off, `resource:` names nothing
  bool reload_keeps_gates = true;             // 3.3.5: off, every reload begins with a new engine
  bool answers_are_reported = true;           // 3.4: off, the API's own answers settle nothing
  bool api_errors_settle = true;              // 3.4: off, 500 and 501 count as never sent
  bool refusals_are_reported = true;          // 3.4: off, a refused connection ends nothing
  bool first_octet_counts = true;           // 3.4: off, a lost connection counts as one never used
  bool gateway_errors_are_doubtful = true;  // 3.4: off, they settle
  bool acceptance_is_doubtful = true;       // 3.4: off, 202 settles
  bool timeouts_are_doubtful = true;        // 3.4: off, they settle
  bool lost_connections_are_doubtful = true;  // 3.4: off, they settle
  bool folded_keys = true;  // section 4: off, gates bear the path as it was spelled
};

}  // namespace ifmatch::simulation
