/// Why a file cannot be read as a series: a code for programs and a sentence that says what to do for people.
package struct SeriesFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault, for programs; the raw values are stable.
    package enum Code: String, Codable, Sendable, CaseIterable {
        case empty
        case notText = "not-text"
        case lineTooLong = "line-too-long"
        case tooManyColumns = "too-many-columns"
        case tooManyRows = "too-many-rows"
        case unknownColumn = "unknown-column"
        case noTimeColumn = "no-time-column"
        case noNumbers = "no-numbers"
        case singleRow = "single-row"
        case unknownTimeZone = "unknown-time-zone"
        case damagedSeries = "damaged-series"
    }

    /// What kind of fault.
    package let code: Code
    /// What is wrong and what would help, in a sentence.
    package let message: String
    /// The line it was found on, from 1, where there is one.
    package let line: Int?

    /// The message.
    package var description: String { message }

    init(_ code: Code, _ message: String, line: Int? = nil) {
        self.code = code
        self.message = message
        self.line = line
    }
}
