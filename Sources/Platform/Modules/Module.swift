@_exported public import Base
@_exported public import Jobs
@_exported public import OpenTelemetry
@_exported public import Storage
@_exported public import Telemetry
@_exported public import Web

/// The parts that a feature adds to the system: routes, migrations, job workers and schedules.
package protocol Module: Sendable {
    var routes: [Route] { get }
    var migrations: [Migration] { get }
    var workers: [Worker] { get }
    var schedules: [Schedule] { get }
}

extension Module {
    package var routes: [Route] { [] }
    package var migrations: [Migration] { [] }
    package var workers: [Worker] { [] }
    package var schedules: [Schedule] { [] }
}
