# Compile settings shared by every target, and the one way to declare a room of the house.
add_library(dropmuon_settings INTERFACE)
target_include_directories(dropmuon_settings INTERFACE ${PROJECT_SOURCE_DIR}/include)
# Leaving members out of a designated initializer is how options are written here.
function(dropmuon_cxx_options)
  target_compile_options(dropmuon_settings INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${ARGV}>")
endfunction()
dropmuon_cxx_options(-Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
# errno after sqrt would keep its loops scalar; nothing here reads it.
dropmuon_cxx_options(-fno-math-errno)
if(DROPMUON_WERROR)
  dropmuon_cxx_options(-Werror)
  target_compile_options(dropmuon_settings INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()
if(DROPMUON_NATIVE)
  # 512-bit vectors: the loops here stream whole cache lines, where the wide registers pay.
  dropmuon_cxx_options(-march=native -mprefer-vector-width=512)
endif()
if(DROPMUON_SANITIZE)
  dropmuon_cxx_options(-fsanitize=${DROPMUON_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(dropmuon_settings INTERFACE -fsanitize=${DROPMUON_SANITIZE})
endif()

# dropmuon_room(<name> SOURCES ... [USES rooms or libraries seen by its headers] [PRIVATE libraries])
function(dropmuon_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(dropmuon_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(dropmuon_${name} PUBLIC dropmuon_settings ${ROOM_USES}
                        PRIVATE ${ROOM_PRIVATE})
endfunction()
