// The one binary: all roles, chosen by the first word.

import Glibc
import Wiring

exit(Millrace.main(Array(CommandLine.arguments.dropFirst())).rawValue)
