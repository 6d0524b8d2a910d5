/// What a sentence has in a slot.
enum SlotValue: Hashable, Sendable {
    case text(String)
    case texts([String])
    case number(Int)
    case numbers([Int])
    case conditions([RowCondition])
    case content(Content)
    case trigger(Trigger)
    case time(TimesOfDay)
    case date(YearDay)
}
