import Foundation

/// A program that tests use beside the system, such as tar.
enum TestProgram {
    /// Runs a program until it ends.
    /// - Returns: its standard output.
    /// - Throws: ``Failed`` for an exit status other than 0.
    @discardableResult
    static func run(_ path: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(program: path, arguments: arguments, status: process.terminationStatus)
        }
        return data
    }

    /// What was wrong is on standard error.
    struct Failed: Error {
        let program: String
        let arguments: [String]
        let status: Int32
    }
}
