/// Rows and columns of tables.
enum TableSkill: Skill {
    static let forms = [
        SkillForm(
            "table.filter",
            "(filter|keep|find|show) [only] [the] (rows|lines|records) [(of|in|from) {source}] "
                + "(where|whose) {conditions}",
            example: "keep the rows of sales.csv where amount is at least 100 and country is DE"
        ) { match, draft throws(FormFault) in try filter(match.conditions("conditions"), match, &draft) },
        SkillForm(
            "table.filterSource", "filter {source} (by|to|where|for) {conditions}",
            example: "filter sales.csv by date is in March 2026"
        ) { match, draft throws(FormFault) in try filter(match.conditions("conditions"), match, &draft) },
        SkillForm(
            "table.remove",
            "(remove|drop|delete) [all] [the] (rows|lines|records) [(of|in|from) {source}] (where|whose) {condition}",
            example: "remove the rows where status is cancelled"
        ) { match, draft throws(FormFault) in
            let conditions = match.conditions("condition")
            guard conditions.count == 1, let negated = conditions[0].comparison.negated else {
                throw FormFault(
                    "rows that an interval or the start or end of a text selects are only kept, not removed")
            }
            try filter([RowCondition(conditions[0].column, negated, conditions[0].value)], match, &draft)
        },
        SkillForm(
            "table.select", "(select|keep|show) [only] [the] (column|columns) {columns} [(of|in|from) {source}]",
            example: "select the columns name and amount from sales.csv"
        ) { match, draft throws(FormFault) in
            let columns = match.texts("columns")
            try transform(.select(columns), match, &draft) { "Keeps the columns \(names(columns)) of \($0)." }
        },
        SkillForm(
            "table.drop", "(remove|drop|delete) [the] (column|columns) {columns} [(of|in|from) {source}]",
            example: "remove the column comment"
        ) { match, draft throws(FormFault) in
            let columns = match.texts("columns")
            try transform(.drop(columns), match, &draft) { "Removes the columns \(names(columns)) of \($0)." }
        },
        SkillForm(
            "table.rename", "rename [the] column {column} [(of|in|from) {source}] to {name:column}",
            example: "rename the column amt to amount"
        ) { match, draft throws(FormFault) in
            let (column, name) = (match.text("column"), match.text("name"))
            try transform(.rename(column, to: name), match, &draft) {
                "Renames the column \(column) of \($0) to \(name)."
            }
        },
        SkillForm(
            "table.sort", "(sort|order) [the rows of|the lines of] {source} by [the] [column] {column} [{order}]",
            example: "sort it by amount descending"
        ) { match, draft throws(FormFault) in
            let (column, isDescending) = (match.text("column"), match.textIfPresent("order") == "descending")
            try transform(.sort(by: column, descending: isDescending), match, &draft) {
                "Sorts \($0) by \(column)\(isDescending ? ", the greatest first" : "")."
            }
        },
        SkillForm("table.sortPrevious", "(sort|order) by [the] [column] {column} [{order}]", example: "sort by date") {
            match, draft throws(FormFault) in
            let (column, isDescending) = (match.text("column"), match.textIfPresent("order") == "descending")
            try transform(.sort(by: column, descending: isDescending), match, &draft) {
                "Sorts \($0) by \(column)\(isDescending ? ", the greatest first" : "")."
            }
        },
        SkillForm(
            "table.limit",
            "(keep|take|show|get) [only] [the] first {number} (rows|lines|records) [(of|in|from) {source}]",
            example: "keep the first 10 rows"
        ) { match, draft throws(FormFault) in
            let count = match.number("number")
            try transform(.limit(count), match, &draft) { "Keeps the first \(count) rows of \($0)." }
        },
        SkillForm(
            "table.top",
            "(keep|take|show|get|find) [only] [the] (top|highest|largest) {number} (rows|lines|records) "
                + "[(of|in|from) {source}] by [the] [column] {column}",
            example: "find the top 5 rows of sales.csv by amount"
        ) { match, draft throws(FormFault) in try extremes(descending: true, match, &draft) },
        SkillForm(
            "table.bottom",
            "(keep|take|show|get|find) [only] [the] (bottom|lowest|smallest) {number} (rows|lines|records) "
                + "[(of|in|from) {source}] by [the] [column] {column}",
            example: "show the lowest 3 rows by price"
        ) { match, draft throws(FormFault) in try extremes(descending: false, match, &draft) },
        SkillForm(
            "table.values",
            "(list|find|get|show) the (unique|distinct|different) values of [the] [column|columns] {columns} "
                + "[(of|in|from) {source}]",
            example: "list the unique values of country in sales.csv"
        ) { match, draft throws(FormFault) in
            let columns = match.texts("columns")
            try transform(.values(columns), match, &draft) {
                "Lists the distinct values of \(names(columns)) in \($0)."
            }
        },
        SkillForm(
            "table.duplicates", "remove [all] [the] (duplicates|duplicate rows) [(of|in|from) {source}] [by {columns}]",
            example: "remove the duplicates from people.csv by email"
        ) { match, draft throws(FormFault) in
            let columns = match.has("columns") ? match.texts("columns") : []
            try transform(.distinct(columns), match, &draft) {
                "Removes the duplicates of \($0)\(columns.isEmpty ? "" : " by \(names(columns))")."
            }
        },
    ]

    static func names(_ columns: [String]) -> String { columns.joined(separator: ", ") }

    /// Changes the table of the slot `source`, or of the step before where the sentence has none.
    static func transform(
        _ operation: TableOperation, _ match: FormMatch, _ draft: inout PlanDraft, _ description: (String) -> String
    ) throws(FormFault) {
        let input = try draft.input(match.has("source") ? match.content("source") : .previous)
        _ = try draft.transform(operation, input, description(input.name))
    }

    static func filter(
        _ conditions: [RowCondition], _ match: FormMatch, _ draft: inout PlanDraft
    ) throws(FormFault) {
        let text = conditions.map(\.description).joined(separator: " and ")
        try transform(.filter(conditions), match, &draft) { "Keeps the rows of \($0) where \(text)." }
    }

    private static func extremes(
        descending: Bool, _ match: FormMatch, _ draft: inout PlanDraft
    ) throws(FormFault) {
        let (column, count) = (match.text("column"), match.number("number"))
        try transform(.sort(by: column, descending: descending), match, &draft) {
            "Sorts \($0) by \(column)\(descending ? ", the greatest first" : "")."
        }
        let sorted = try draft.input(.previous)
        _ = try draft.transform(.limit(count), sorted, "Keeps the first \(count) rows of \(sorted.name).")
    }
}
