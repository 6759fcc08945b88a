// The entry point of kraken-ctl: everything it does is in ControlCommands, as functions of a console.

import ControlCommands
import Glibc

exit(await KrakenControl.run(Array(CommandLine.arguments.dropFirst()), on: .process()))
