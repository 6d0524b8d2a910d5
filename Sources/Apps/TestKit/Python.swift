package import Foundation

/// The Python interpreter that tests compare results with.
package enum Python {
    /// The interpreter that `GATEHOUSE_PYTHON` names, or `python3`; looked up in `PATH`.
    package static let command = ProcessInfo.processInfo.environment["GATEHOUSE_PYTHON"] ?? "python3"

    /// Runs the interpreter until it ends.
    /// - Returns: its standard output.
    /// - Throws: `CocoaError` for an exit code other than 0.
    package static func run(_ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [command] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        return data
    }
}
