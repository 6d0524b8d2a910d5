/// A part of a form that the sentence fills with a value.
enum Slot: String, Hashable, Sendable, CaseIterable {
    case addresses, column, columns, condition, conditions, content, date, days, decimal, file, files, folder
    case format, function, number, order, pluralWeekdays, recurrence, source, text, times, url, weekdays, word, zone

    /// What is expected where the slot is not filled.
    var expectation: String {
        switch self {
        case .addresses: "e-mail addresses, or 'me'"
        case .column: "the name of a column, in quotation marks if it has several words"
        case .columns: "names of columns"
        case .condition: "a condition, such as: amount is at least 100"
        case .conditions: "conditions, such as: amount is at least 100 and country is DE"
        case .content: "a text in quotation marks, a file, a URL, or 'it'"
        case .date: "a day of the year, such as 1 March"
        case .days: "days of the month, such as 1st and 15th"
        case .decimal: "a number"
        case .file: "a file of the workflow's folder with its extension, such as reports/june.csv"
        case .files: "files of the workflow's folder with their extensions, such as a.csv and b.csv"
        case .folder: "a folder of the workflow's folder"
        case .format: "CSV or JSON"
        case .function: "sum, average, minimum or maximum"
        case .number: "a whole number from 1 to 1000000"
        case .order: "ascending or descending"
        case .pluralWeekdays: "days of the week, such as Mondays"
        case .recurrence: "recurring times, such as: every Monday at 9"
        case .source: "a file, a URL, or 'it'"
        case .text: "a text in quotation marks"
        case .times: "times of the day, such as 9:30"
        case .url: "a URL that begins with https:// or http://"
        case .weekdays: "days of the week"
        case .word: "a word, or several in quotation marks"
        case .zone: "a time zone, such as Europe/Berlin"
        }
    }
}
