// Values or the reason why there are none.
#pragma once

#include <boost/system/result.hpp>

#include "proxy/http/fault.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::http {

// Either a value or the answer that the request gets instead.
template <class T>
using Checked = boost::system::result<T, ProblemDetails>;

// Either a value or what failed.
template <class T>
using Result = boost::system::result<T, Fault>;

// Found by value() on a result that holds none, which is a bug of the caller: it ends the process.
[[noreturn]] void throw_exception_from_error(const ProblemDetails& details,
                                             const boost::source_location& where);
[[noreturn]] void throw_exception_from_error(const Fault& fault,
                                             const boost::source_location& where);

}  // namespace ifmatch::http
