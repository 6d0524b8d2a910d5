/// Numbers out of the columns of tables.
enum AggregateSkill: Skill {
    static let forms = [
        SkillForm(
            "aggregate.function",
            "(calculate|compute|find|get|show) the {function} of [the] [column] {column} \(inputAndGroup)",
            example: "calculate the average of amount in sales.csv by country"
        ) { match, draft throws(FormFault) in try aggregate(function(match), match, &draft) },
        SkillForm(
            "aggregate.sum", "(sum|total|add up) [the] [column] {column} \(inputAndGroup)",
            example: "sum amount by region"
        ) { match, draft throws(FormFault) in try aggregate(.sum, match, &draft) },
        SkillForm(
            "aggregate.average", "average [the] [column] {column} \(inputAndGroup)", example: "average the column price"
        ) { match, draft throws(FormFault) in try aggregate(.average, match, &draft) },
        SkillForm(
            "aggregate.count", "count [the] (rows|lines|records) \(inputAndGroup)", example: "count the rows by status"
        ) { match, draft throws(FormFault) in try aggregate(.count, match, &draft) },
        SkillForm(
            "aggregate.countWhere",
            "count [the] (rows|lines|records) [(of|in|from) {source}] (where|whose) {conditions}",
            example: "count the rows of orders.json where status is open"
        ) { match, draft throws(FormFault) in
            try TableSkill.filter(match.conditions("conditions"), match, &draft)
            let rows = try draft.input(.previous)
            _ = try draft.transform(
                .aggregate(.count, of: nil, by: nil), rows, description(.count, nil, nil, rows.name))
        },
        SkillForm(
            "aggregate.group",
            grouping + "(calculate|compute|show) the {function} of [the] [column] {column}",
            example: "group sales.csv by region and calculate the maximum of amount"
        ) { match, draft throws(FormFault) in try aggregate(function(match), match, &draft) },
        SkillForm(
            "aggregate.groupSum",
            grouping + "(sum|total|add up) [the] [column] {column}",
            example: "group it by region and sum amount"
        ) { match, draft throws(FormFault) in try aggregate(.sum, match, &draft) },
        SkillForm(
            "aggregate.groupCount",
            grouping + "count [the] (rows|lines|records)",
            example: "group orders.json by status and count the rows"
        ) { match, draft throws(FormFault) in try aggregate(.count, match, &draft) },
        SkillForm(
            "aggregate.summarise", "(summarise|summarize|describe) [the columns of] {source}",
            example: "summarise sales.csv"
        ) { match, draft throws(FormFault) in
            try TableSkill.transform(.summarise, match, &draft) { "Describes each column of \($0)." }
        },
    ]

    private static let grouping = "group [the rows of] {source} by [the] [column] {group:column} and "
    private static let inputAndGroup =
        "[(of|in|from) {source}] [(by|per|for each|grouped by) [the] [column] {group:column}]"

    private static func function(_ match: FormMatch) throws(FormFault) -> AggregateFunction {
        guard let function = AggregateFunction(rawValue: match.text("function")) else {
            preconditionFailure("the slot has names of functions alone")
        }
        return function
    }

    private static func aggregate(
        _ function: AggregateFunction, _ match: FormMatch, _ draft: inout PlanDraft
    ) throws(FormFault) {
        let (column, group) = (match.textIfPresent("column"), match.textIfPresent("group"))
        try TableSkill.transform(.aggregate(function, of: column, by: group), match, &draft) {
            description(function, column, group, $0)
        }
    }

    private static func description(
        _ function: AggregateFunction, _ column: String?, _ group: String?, _ name: String
    ) -> String {
        let what =
            column.map { "Calculates the \(function.rawValue) of \($0) in \(name)" } ?? "Counts the rows of \(name)"
        return "\(what)\(group.map { " for each \($0)" } ?? "")."
    }
}
