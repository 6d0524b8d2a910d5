import Modules

/// A module with personal data. It declares its tables, so that exports and erasures cover them.
package protocol PersonalDataProvider: Sendable {
    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    var personalDataTables: [PersonalDataTable] { get }
}
