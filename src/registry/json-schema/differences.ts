// What can stand between two JSON Schemas, in Confluent's words: the type of each difference and the sentence that goes with it. Only those are listed that
// make schemas incompatible. The last ones are ours, for what Confluent does not look at. `%s` stands for the side (new or old): compatibility.ts of the
// registry fills it in, the update's first.

const keywordAdded = (path: string): string => `The keyword at path '${path}' in the %s schema is not present in the %s schema`
const valueMore = (path: string): string => `The value at path '${path}' in the %s schema is more than its value in the %s schema`
const valueLess = (path: string): string => `The value at path '${path}' in the %s schema is less than its value in the %s schema`
const valueChanged = (path: string): string => `The value at path '${path}' is different between the %s and %s schema`
const fewerElements = (path: string): string => `An array or combined type at path '${path}' has fewer elements in the %s schema than the %s schema`
const moreElements = (path: string): string => `An array or combined type at path '${path}' has more elements in the %s schema than the %s schema`
const typeDiffers = (path: string): string => `A type at path '${path}' is different between the %s schema and the %s schema`
const addedToOpen = (path: string): string =>
  `The %s schema has an open content model and has a property or item at path '${path}' which is missing in the %s schema`
const removedFromClosed = (path: string): string =>
  `The %s schema has a closed content model and is missing a property or item present at path '${path}' in the %s schema`
const removedUncovered = (path: string): string =>
  `A property or item is missing in the %s schema but present at path '${path}' in the %s schema and is not covered by its partially open content model`
const addedUncovered = (path: string): string =>
  `The %s schema has a property or item at path '${path}' which is missing in the %s schema and is not covered by its partially open content model`

const sentences = {
  // Confluent has no sentence for this one.
  SCHEMA_ADDED: keywordAdded,
  TYPE_NARROWED: typeDiffers, TYPE_CHANGED: typeDiffers,
  MAX_LENGTH_ADDED: keywordAdded, MAX_LENGTH_DECREASED: valueLess, MIN_LENGTH_ADDED: keywordAdded, MIN_LENGTH_INCREASED: valueMore,
  PATTERN_ADDED: keywordAdded, PATTERN_CHANGED: valueChanged,
  MAXIMUM_ADDED: keywordAdded, MAXIMUM_DECREASED: valueLess, MINIMUM_ADDED: keywordAdded, MINIMUM_INCREASED: valueMore,
  EXCLUSIVE_MAXIMUM_ADDED: keywordAdded, EXCLUSIVE_MAXIMUM_DECREASED: valueLess, EXCLUSIVE_MINIMUM_ADDED: keywordAdded, EXCLUSIVE_MINIMUM_INCREASED: valueMore,
  MULTIPLE_OF_ADDED: keywordAdded, MULTIPLE_OF_EXPANDED: valueMore, MULTIPLE_OF_CHANGED: valueChanged,
  REQUIRED_ATTRIBUTE_ADDED: keywordAdded,
  MAX_PROPERTIES_ADDED: keywordAdded, MAX_PROPERTIES_DECREASED: valueLess, MIN_PROPERTIES_ADDED: keywordAdded, MIN_PROPERTIES_INCREASED: valueMore,
  ADDITIONAL_PROPERTIES_REMOVED: keywordAdded, ADDITIONAL_PROPERTIES_NARROWED: fewerElements,
  UNEVALUATED_PROPERTIES_REMOVED: keywordAdded, UNEVALUATED_PROPERTIES_NARROWED: fewerElements,
  DEPENDENCY_ARRAY_ADDED: keywordAdded, DEPENDENCY_ARRAY_EXTENDED: moreElements, DEPENDENCY_ARRAY_CHANGED: valueChanged, DEPENDENCY_SCHEMA_ADDED: keywordAdded,
  REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL: addedToOpen, REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL: addedToOpen,
  OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL: addedToOpen,
  REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL: (path: string): string =>
    `The %s schema has an unopen content model and has a required property at path '${path}' which is missing in the %s schema`,
  PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL: removedFromClosed,
  PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: removedUncovered,
  PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: addedUncovered,
  MAX_ITEMS_ADDED: keywordAdded, MAX_ITEMS_DECREASED: valueLess, MIN_ITEMS_ADDED: keywordAdded, MIN_ITEMS_INCREASED: valueMore,
  MAX_CONTAINS_ADDED: keywordAdded, MAX_CONTAINS_DECREASED: valueLess, MIN_CONTAINS_ADDED: keywordAdded, MIN_CONTAINS_INCREASED: valueMore,
  UNIQUE_ITEMS_ADDED: keywordAdded, ADDITIONAL_ITEMS_REMOVED: keywordAdded, ADDITIONAL_ITEMS_NARROWED: fewerElements,
  UNEVALUATED_ITEMS_REMOVED: keywordAdded, UNEVALUATED_ITEMS_NARROWED: fewerElements,
  ITEM_ADDED_TO_OPEN_CONTENT_MODEL: addedToOpen, ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL: removedFromClosed,
  ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: removedUncovered, ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: addedUncovered,
  ENUM_ARRAY_NARROWED: fewerElements, ENUM_ARRAY_CHANGED: typeDiffers,
  COMBINED_TYPE_CHANGED: typeDiffers, COMBINED_TYPE_SUBSCHEMAS_CHANGED: typeDiffers,
  PRODUCT_TYPE_EXTENDED: moreElements, SUM_TYPE_NARROWED: fewerElements, NOT_TYPE_EXTENDED: moreElements,

  CONTAINS_ADDED: keywordAdded, PROPERTY_NAMES_ADDED: keywordAdded, CONDITION_CHANGED: valueChanged,
  REFERENCE_NOT_FOLLOWED: (path: string): string => `A reference at path '${path}' cannot be followed, and the %s schema is not the %s schema`,
} satisfies Record<string, (path: string) => string>

export type JsonDifference = keyof typeof sentences

/** Differences that the policy LENIENT lets pass: properties come and go, as with readers that ignore what they do not know. */
export const lenientDifferences: ReadonlySet<JsonDifference> = new Set<JsonDifference>([
  'OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', 'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL', 'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL',
  'ADDITIONAL_PROPERTIES_REMOVED', 'ADDITIONAL_PROPERTIES_NARROWED', 'UNEVALUATED_PROPERTIES_REMOVED', 'UNEVALUATED_PROPERTIES_NARROWED',
])

/** `path` leads from the root: '' or '/properties/a', tokens as they are; Confluent does not escape them. */
export function differenceText(type: JsonDifference, path: string): string {
  return `{errorType:"${type}", description:"${sentences[type](`#${path === '' ? '/' : path}`)}"}`
}

/** A comparison that was given up. */
export function tooComplexText(steps: number, levels: number): string {
  return `{errorType:"COMPARISON_TOO_COMPLEX", description:"The %s schema cannot be compared with the %s schema in ${steps} steps and ${levels} levels"}`
}
