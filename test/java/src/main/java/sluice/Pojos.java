// The SDK's requests and answers from and to JSON, through the fields each class of the SDK describes itself by. Blobs are base64, times milliseconds since the
// epoch in, ISO 8601 out.
package sluice;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.SdkField;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.core.protocol.MarshallingType;
import software.amazon.awssdk.core.traits.ListTrait;
import software.amazon.awssdk.core.traits.MapTrait;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;
import software.amazon.awssdk.utils.builder.Buildable;

final class Pojos {
  private Pojos() {}

  static void fill(SdkPojo builder, JsonNode input) {
    Map<String, JsonNode> members = input.asObject();
    for (SdkField<?> field : builder.sdkFields()) {
      JsonNode value = members.get(field.memberName());
      if (value != null) field.set(builder, toJava(field, value));
    }
  }

  private static Object toJava(SdkField<?> field, JsonNode value) {
    MarshallingType<?> type = field.marshallingType();
    if (type == MarshallingType.STRING) return value.text();
    if (type == MarshallingType.INTEGER) return Integer.valueOf(value.asNumber());
    if (type == MarshallingType.LONG) return Long.valueOf(value.asNumber());
    if (type == MarshallingType.BOOLEAN) return value.asBoolean();
    if (type == MarshallingType.INSTANT) return Instant.ofEpochMilli(Long.parseLong(value.asNumber()));
    if (type == MarshallingType.SDK_BYTES) return SdkBytes.fromByteArray(Base64.getDecoder().decode(value.text()));
    if (type == MarshallingType.LIST) {
      SdkField<?> item = field.getTrait(ListTrait.class).memberFieldInfo();
      return value.asArray().stream().map(one -> toJava(item, one)).collect(Collectors.toCollection(ArrayList::new));
    }
    if (type == MarshallingType.MAP) {
      SdkField<?> item = field.getTrait(MapTrait.class).valueFieldInfo();
      Map<String, Object> map = new LinkedHashMap<>();
      value.asObject().forEach((name, one) -> map.put(name, toJava(item, one)));
      return map;
    }
    SdkPojo builder = field.constructor().get();
    fill(builder, value);
    return ((Buildable) builder).build();
  }

  static String toJson(Object value) {
    if (value == null) return "null";
    if (value instanceof Number || value instanceof Boolean) return value.toString();
    if (value instanceof SdkBytes bytes) return quoted(Base64.getEncoder().encodeToString(bytes.asByteArrayUnsafe()));
    if (value instanceof List<?> list) return list.stream().map(Pojos::toJson).collect(Collectors.joining(",", "[", "]"));
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream().map(one -> quoted(one.getKey().toString()) + ":" + toJson(one.getValue())).collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof SdkPojo pojo) {
      return pojo.sdkFields().stream().filter(field -> isSet(field, pojo)).map(field -> quoted(field.memberName()) + ":" + toJson(field.getValueOrDefault(pojo)))
          .collect(Collectors.joining(",", "{", "}"));
    }
    return quoted(value.toString());
  }

  private static boolean isSet(SdkField<?> field, SdkPojo pojo) {
    return field.getValueOrDefault(pojo) != null;
  }

  private static String quoted(String text) {
    StringBuilder json = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') json.append('\\').append(c);
      else if (c < 0x20) json.append(String.format("\\u%04x", (int) c));
      else json.append(c);
    }
    return json.append('"').toString();
  }
}
